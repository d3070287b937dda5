import jax
import numpy as np
import pytest

from vggjax.errors import LayerError
from vggjax.model import (
    VGGConfig,
    count_parameters,
    parameter_shapes,
    pooled_head,
    softmax_head,
    temperature_head,
)
from vggjax.model.layers import Standardize


def abstract(make, *arguments):
    """How many parameters a head has and its output's shape, without drawing any."""
    counts = []

    def forward(x):
        head = make(*arguments)
        counts.append(count_parameters(head))
        return head(x)

    shape = arguments[0] if isinstance(arguments[0], tuple) else arguments[:1]
    output = jax.eval_shape(forward, jax.ShapeDtypeStruct((2, *shape), np.float32))
    return counts[0], output.shape


@pytest.mark.parametrize(
    ("make", "arguments", "parameters"),
    [
        (softmax_head, ((14, 14, 512), 256), 25_690_368),  # C5
        (softmax_head, ((4096,), 256), 1_048_832),  # C1
        (pooled_head, ((14, 14, 512), 11), 25_088 * 11 + 11),  # U5
        (temperature_head, (1000, 256, 4.0), 1000 * 256 + 256),  # B1
    ],
)
def test_parameters_are_as_many_as_in_the_report(make, arguments, parameters):
    assert abstract(make, *arguments) == (parameters, (2, arguments[1]))


def test_frozen_parameters_are_as_many_as_in_the_report():
    sizes = {
        name: sum(int(np.prod(shape)) for shape in shapes.values())
        for name, shapes in parameter_shapes(VGGConfig(top=False)).items()
    }
    until = dict(zip(sizes, np.cumsum(list(sizes.values())).tolist(), strict=True))
    assert until["block5_conv3"] == 14_714_688
    assert until["block5_conv2"] == 12_354_880
    assert until["block5_conv1"] == 9_995_072


def test_a_pooled_head_takes_the_largest_of_four():
    head = pooled_head((4, 4, 2), 3, seed=1)
    assert head.names == ("head_pool", "head_flatten", "head")
    x = np.random.default_rng(0).normal(size=(5, 4, 4, 2)).astype(np.float32)
    pooled = x.reshape(5, 2, 2, 2, 2, 2).max(axis=(2, 4)).reshape(5, 8)
    np.testing.assert_allclose(head(x), pooled @ np.asarray(head["head"].kernel[...]), rtol=1e-5)


@pytest.mark.parametrize("shape", [(512,), (1, 4, 2), (4, 4)])
def test_what_is_no_map_is_not_pooled(shape):
    with pytest.raises(LayerError, match="maps of at least 2 by 2"):
        pooled_head(shape, 3)


@pytest.mark.parametrize("temperature", [0, -1, float("nan")])
def test_a_temperature_is_above_zero(temperature):
    with pytest.raises(LayerError, match="above zero"):
        temperature_head(10, 3, temperature)


def test_a_higher_temperature_evens_the_probabilities_out():
    logits = np.array([[0, 3, 9]], np.float32)
    spread = [np.ptp(temperature_head(3, 2, t)["temperature"](logits)) for t in (1, 4, 16)]
    assert spread == sorted(spread, reverse=True)
    assert spread[0] > 0.9 > 0.2 > spread[-1]


def test_standardising_a_map():
    mean, scale = np.full((2, 2, 1), 3.0, np.float32), np.full((2, 2, 1), 0.5, np.float32)
    x = np.full((4, 2, 2, 1), 5.0, np.float32)
    np.testing.assert_array_equal(Standardize(mean, scale)(x), np.ones_like(x))
