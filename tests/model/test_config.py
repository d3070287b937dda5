import math

import pytest

from vggjax.errors import LayerError
from vggjax.model import VGGConfig, layer_table, parameter_shapes


def test_the_names_are_those_of_keras():
    blocks = [
        f"block{block}_{part}"
        for block, depth in enumerate((2, 2, 3, 3, 3), start=1)
        for part in [*(f"conv{number + 1}" for number in range(depth)), "pool"]
    ]
    names = ["preprocess", *blocks, "flatten", "fc1", "fc2", "predictions"]
    assert [layer.name for layer in layer_table(VGGConfig())] == names


@pytest.mark.parametrize(
    ("last", "frozen"),
    [
        ("fc2", 134_260_544),  # reference, C1
        ("block5_conv3", 14_714_688),  # reference, C5
        ("block5_conv2", 12_354_880),
        ("block5_conv1", 9_995_072),
        ("predictions", 138_357_544),
    ],
)
def test_parameter_counts_of_the_reference(last, frozen):
    shapes = parameter_shapes(VGGConfig())
    until = list(shapes)[: list(shapes).index(last) + 1]
    assert sum(math.prod(shape) for name in until for shape in shapes[name].values()) == frozen


def test_without_top_the_chain_ends_at_the_last_pool():
    assert layer_table(VGGConfig(top=False))[-1].name == "block5_pool"


def test_other_depths_and_sizes_are_configuration():
    config = VGGConfig(widths=(2, 3), depths=(1, 2), hidden=7, classes=4, image_size=9)
    assert parameter_shapes(config) == {
        "block1_conv1": {"kernel": (3, 3, 3, 2), "bias": (2,)},
        "block2_conv1": {"kernel": (3, 3, 2, 3), "bias": (3,)},
        "block2_conv2": {"kernel": (3, 3, 3, 3), "bias": (3,)},
        "fc1": {"kernel": (2 * 2 * 3, 7), "bias": (7,)},
        "fc2": {"kernel": (7, 7), "bias": (7,)},
        "predictions": {"kernel": (7, 4), "bias": (4,)},
    }


def test_json_round_trip():
    config = VGGConfig(widths=(2, 3), depths=(1, 2), top=False, preprocessing="torch")
    assert VGGConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    "wrong",
    [{"widths": (1, 2)}, {"hidden": 0}, {"classes": 0}, {"image_size": 31}, {"depths": (0,) * 5}],
)
def test_impossible_configurations_are_refused(wrong):
    with pytest.raises(LayerError):
        VGGConfig(**wrong)
