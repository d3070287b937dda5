from functools import partial

import jax
import numpy as np
import pytest

from vggjax.errors import LayerError
from vggjax.model import (
    Chain,
    count_parameters,
    learned_layers,
    output_shape,
    softmax_head,
    temperature_head,
)
from vggjax.model.layers import Dense, Flatten, Standardize
from vggjax.training import layer_head

pooled_head = partial(softmax_head, pool=True)


@pytest.mark.parametrize(
    ("make", "shape", "arguments", "parameters"),
    [
        (softmax_head, (14, 14, 512), ((14, 14, 512), 256), 25_690_368),  # C5
        (softmax_head, (4096,), ((4096,), 256), 1_048_832),  # C1
        (pooled_head, (14, 14, 512), ((14, 14, 512), 11), 25_088 * 11 + 11),  # U5
        (temperature_head, (1000,), (1000, 256, 4.0), 1000 * 256 + 256),  # B1
    ],
)
def test_parameters_are_as_many_as_in_the_reference(make, shape, arguments, parameters):
    head = make(*arguments)
    assert count_parameters(head) == parameters
    assert output_shape(head, shape) == (arguments[1],)


def test_a_head_flattens_maps_and_depends_on_its_seed():
    maps = np.ones((2, 3, 3, 4), np.float32)
    a, b, c = (softmax_head((3, 3, 4), 5, seed, start="glorot")(maps) for seed in (0, 0, 1))
    assert a.shape == (2, 5)
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize(
    "make",
    [
        softmax_head,
        lambda shape, *rest, **at: layer_head(np.ones((1, *shape), np.float32), *rest, **at),
    ],
)
@pytest.mark.parametrize("start", [{}, {"start": "zero"}, {"start": "glorot"}])
def test_a_head_starts_at_zero_unless_asked_for_keras_start(make, start):
    kernel = np.asarray(make((100,), 20, **start)["head"].kernel[...])
    if start.get("start") != "glorot":
        assert not kernel.any()
        return
    limit = np.sqrt(6 / (100 + 20))  # Glorot & Bengio (2010), equation 16
    assert 0.99 * limit < abs(kernel).max() <= limit
    np.testing.assert_allclose(kernel.std(), limit / np.sqrt(3), rtol=0.03)


def test_a_pooled_head_takes_the_largest_of_four():
    head = pooled_head((4, 4, 2), 3, seed=1, start="glorot")
    assert head.names == ("head_pool", "head_flatten", "head")
    x = np.random.default_rng(0).normal(size=(5, 4, 4, 2)).astype(np.float32)
    pooled = x.reshape(5, 2, 2, 2, 2, 2).max(axis=(2, 4)).reshape(5, 8)
    np.testing.assert_allclose(head(x), pooled @ np.asarray(head["head"].kernel[...]), rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: softmax_head((4,), 1), "at least 2 classes"),
        (lambda: softmax_head((4,), 2, start="one"), "starts at zero or glorot, not 'one'"),
        *((lambda s=s: pooled_head(s, 3), "at least 2 by 2") for s in [(512,), (1, 4, 2), (4, 4)]),
        *((lambda t=t: temperature_head(9, 3, t), "above zero") for t in (0, -1, float("nan"))),
    ],
)
def test_impossible_heads_are_refused(make, message):
    with pytest.raises(LayerError, match=message):
        make()


def test_a_higher_temperature_evens_the_probabilities_out():
    logits = np.array([[0, 3, 9]], np.float32)
    spread = [np.ptp(temperature_head(3, 2, t)["temperature"](logits)) for t in (1, 4, 16)]
    assert spread == sorted(spread, reverse=True)
    assert spread[0] > 0.9 > 0.2 > spread[-1]


def test_standardising_a_map():
    mean, scale = np.full((2, 2, 1), 3.0, np.float32), np.full((2, 2, 1), 0.5, np.float32)
    x = np.full((4, 2, 2, 1), 5.0, np.float32)
    np.testing.assert_array_equal(Standardize(mean, scale)(x), np.ones_like(x))


def test_all_layers_of_a_head_learn_but_statistics_of_the_data():
    layers = {"rows": Flatten(), "z": Standardize(np.zeros(4), np.ones(4))}
    layers["hidden"] = Dense(np.ones((4, 3)), np.zeros(3), relu=True)
    layers["out"] = Dense(np.ones((3, 2)), np.zeros(2))
    assert learned_layers(Chain(layers)) == ("hidden", "out")


def test_the_same_seed_starts_alike_in_64_bit_mode():
    for start in ("glorot", "zero"):
        usual = softmax_head((6, 6, 3), 4, seed=3, start=start)["head"].kernel[...]
        with jax.enable_x64(True):
            other = softmax_head((6, 6, 3), 4, seed=3, start=start)["head"].kernel[...]
        assert other.dtype == usual.dtype == np.float32
        np.testing.assert_array_equal(other, usual)
