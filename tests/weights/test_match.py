"""Which layers of a file are VGG's: whatever they are called, wherever they are."""

from pathlib import Path

import numpy as np
import pytest
from weights_helpers import CONFIG, assert_equal, parameters, torch_state

from vggjax.errors import WeightsError
from vggjax.model.config import VGGConfig
from vggjax.weights.formats import ForeignWeights
from vggjax.weights.match import match
from vggjax.weights.search import best_table


def keras(params):
    tensors = {f"{layer}/{role}": a for layer, roles in params.items() for role, a in roles.items()}
    return ForeignWeights(Path("w.h5"), "keras", "test", tensors)


def torch(tensors):
    return ForeignWeights(Path("w.pth"), "torch", "test", best_table([tensors]))


def renamed(state, *pairs):
    found = {}
    for name, values in state.items():
        for old, new in pairs:
            name = name.replace(old, new)
        found[name] = values
    return found


@pytest.mark.parametrize(
    "depths", [(1, 1, 2, 2, 2), (2, 2, 2, 2, 2), (2, 2, 3, 3, 3), (2, 2, 4, 4, 4)]
)
@pytest.mark.parametrize(
    "rest", [{"top": False}, {"hidden": 12, "classes": 3, "image_size": 96}], ids=["no top", "top"]
)
def test_inferred_depths(random_tree, depths, rest):
    config = VGGConfig((4, 5, 6, 7, 8), depths, **rest)
    assert match(keras(random_tree(config))).config == config


PREFIXES = ("module.", "_orig_mod.", "model.", "module._orig_mod.", "net.backbone.")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_prefixes(state, params, prefix):
    assert_equal(parameters(torch({prefix + k: v for k, v in state.items()})), params)


def test_a_prefix_for_each_part(state, params):
    mixed = {("encoder." if "features" in k else "decoder.") + k: v for k, v in state.items()}
    assert_equal(parameters(torch(mixed)), params)


def test_a_network_beside_it_is_left_alone(state, params):
    other = {f"teacher.{k}": v + 1 for k, v in state.items()}
    both = {**{f"student.{k}": v for k, v in state.items()}, **other}
    assert_equal(parameters(torch(both)), params)


@pytest.mark.parametrize("order", [1, -1])
def test_other_names_and_orders(state, params, order):
    """torchvision's before 0.2, bare numbers, and any order of tensors in the file."""
    shuffled = dict(list(state.items())[::order])
    old = renamed(shuffled, ("classifier.3", "classifier.4"), ("classifier.0", "classifier.1"))
    assert_equal(parameters(torch(old)), params)
    bare = {k.removeprefix("features."): v for k, v in shuffled.items() if "features" in k}
    found = match(torch(bare))
    convolutions = {name: roles for name, roles in params.items() if "conv" in name}
    assert_equal(parameters(torch(bare)), convolutions)
    assert (found.config.top, found.config.image_size) == (False, 224)
    assert found.assumed == ("torch preprocessing", "224 pixels")


def test_dense_layers_stored_as_convolutions(state, params):
    """timm's: `pre_logits.fc1` looks at the whole map, `fc2` at one place; `head.fc` is dense."""
    as_timm = renamed(state, ("classifier.0", "pre_logits.fc1"), ("classifier.3", "pre_logits.fc2"))
    as_timm = renamed(as_timm, ("classifier.6", "head.fc"))
    side, width = 2, CONFIG.widths[-1]
    as_timm["pre_logits.fc1.weight"] = as_timm["pre_logits.fc1.weight"].reshape(
        16, width, side, side
    )
    as_timm["pre_logits.fc2.weight"] = as_timm["pre_logits.fc2.weight"][..., None, None]
    assert_equal(parameters(torch(as_timm)), params)


@pytest.mark.parametrize(
    "dense",
    [{"classifier.0": (2, 32)}, {"head.0": (9, 32), "head.3": (2, 9)}, {"fc": (7, 8)}, {}],
    ids=["one", "two", "pooled", "none"],
)
def test_other_dense_layers_are_left_out_and_named(state, params, dense):
    tensors = {k: v for k, v in state.items() if "features" in k}
    for name, shape in dense.items():
        tensors[f"{name}.weight"] = np.full(shape, np.nan, "f4")
    found = match(torch(tensors))
    assert list(found.layers) == [name for name in params if "conv" in name]
    assert found.left_out == tuple(f"{name}.weight" for name in dense)
    parameters(torch(tensors))


def test_what_may_be_small_images_or_averaged_maps_is_said(state):
    tensors = {**state, "classifier.0.weight": np.ones((16, 8), "f4")}
    found = match(torch(tensors))
    assert found.config.image_size == 32
    assert found.assumed[1].startswith("32 pixels (or, if maps were averaged before classifier.0")


def test_a_missing_bias_is_zero(state, params):
    del state["features.0.bias"]
    found = parameters(torch(state))
    np.testing.assert_array_equal(found["block1_conv1"]["bias"], np.zeros(4))
    np.testing.assert_array_equal(found["block1_conv2"]["bias"], params["block1_conv2"]["bias"])


@pytest.fixture
def state(params):
    return torch_state(params, CONFIG)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"features.28.weight": None}, "it has 12 convolutions of 3 x 3, and a VGG has 8, 10, 13"),
        ({"features.30.weight": (8, 8, 3, 3)}, "it has 14 convolutions"),
        ({"features.5.weight": (4, 9, 3, 3)}, "features.5 takes 9 channels and gets 4"),
        ({"features.5.bias": (3,)}, r"the bias of features.5 is \(3,\) for 4 channels"),
        ({"features.2.weight": (5, 4, 3, 3), "features.2.bias": (5,),
          "features.5.weight": (4, 5, 3, 3)}, "widths change within a block"),
        ({"features.1.running_mean": (4,), "features.1.running_var": (4,),
          "features.1.weight": (4,), "features.1.bias": (4,)},
         "has 1 batch normalisations that don't belong to its 13 convolutions"),
    ],
)  # fmt: skip
def test_what_is_no_vgg_is_said_with_the_first_tensors(state, change, words):
    for name, shape in change.items():
        if shape is None:
            del state[name]
        else:
            state[name] = np.ones(shape, "f4")
    with pytest.raises(WeightsError, match=words) as caught:
        match(torch(state))
    assert "its first tensors are features.0.weight (4, 3, 3, 3), features.0.bias (4,)" in str(
        caught.value
    )
    assert len(str(caught.value)) < 500


def test_whole_numbers_are_quantised(state):
    quantised = {k: (v * 100).astype("i1") for k, v in state.items()}
    with pytest.raises(WeightsError, match=r"is quantised \(its kernels are int8\)"):
        match(torch(quantised))


def test_long_names_keep_the_message_short(state):
    del state["features.28.weight"]
    with pytest.raises(WeightsError) as caught:
        match(torch({"a" * 10_000 + k: v for k, v in state.items()}))
    assert len(str(caught.value)) < 500
