"""What holds of batches of any number of examples, in any size, on any devices; and of keys."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vggjax.features import Examples
from vggjax.features.devices import data_mesh, device_batches
from vggjax.features.examples import batches, within
from vggjax.features.given import PixelArray

COUNT = st.integers(1, 70)
SIZE = st.integers(1, 90)


def examples_of(count):
    """Inputs that are their own numbers, and labels that follow from them."""
    numbers = np.arange(count, dtype=np.float32)
    return Examples(numbers.reshape(-1, 1), np.arange(count) * 7 % 5)


def check_epoch(found, count, order):
    """Every example once with weight 1, in order; what only fills up weighs nothing."""
    seen = []
    for batch in found:
        inputs, labels, weights = (np.asarray(each) for each in batch)
        assert set(weights.tolist()) <= {0.0, 1.0}
        numbers = inputs[:, 0].astype(int)
        np.testing.assert_array_equal(labels, numbers * 7 % 5)
        assert (numbers < count).all()
        seen += numbers[weights == 1].tolist()
    assert seen == list(order)


@given(COUNT, SIZE, st.integers(0, 40), st.randoms(use_true_random=False))
def test_each_example_once_with_weight_one(count, size, more, random):
    order = random.sample(range(count), count)
    found = list(batches(examples_of(count), size, np.array(order), padded=size + more))
    assert {batch.inputs.shape for batch in found} == {(size + more, 1)}
    assert sum(batch.weights.sum() for batch in found) == count
    check_epoch(found, count, order)


@given(COUNT, SIZE, st.integers(1, 5))
def test_processes_share_each_batch(count, size, processes):
    """Their parts, side by side, are the whole batch."""
    per = -(-size // processes)
    parts = [
        list(
            batches(
                examples_of(count), size, padded=per * processes,
                part=slice(number * per, (number + 1) * per),
            )
        )
        for number in range(processes)
    ]  # fmt: skip
    together = [zip(*own, strict=True) for own in zip(*parts, strict=True)]
    whole = [[np.concatenate(each) for each in own] for own in together]
    check_epoch(whole, count, range(count))


@pytest.mark.parametrize("devices", [1, 2])
@settings(max_examples=30)
@given(COUNT, SIZE)
def test_devices_see_the_same_examples(devices, count, size):
    mesh = data_mesh(jax.devices()[:devices])
    found = list(device_batches(examples_of(count), size, None, mesh))
    check_epoch(found, count, range(count))
    assert len(found) == -(-count // size)
    assert all(len(batch.inputs) % devices == 0 for batch in found)


@given(st.integers(1, 10**7), st.integers(1, 10**15))
def test_a_size_far_above_the_examples_is_only_as_large_as_they_need(count, size):
    found = within(size, count)
    assert min(size, count) <= found <= min(size, count + 1023)


SHAPES = st.sampled_from([(2, 3, 1), (3, 2, 1), (1, 2, 3), (6, 1, 1)])
DTYPES = st.sampled_from(["uint8", "int8", "float32", "<i2", ">i2"])


@given(SHAPES, SHAPES, DTYPES, DTYPES, st.integers(0, 3), st.integers(0, 3))
def test_pixels_of_another_type_shape_or_value_have_another_key(one, other, a, b, first, second):
    def key(shape, dtype, value):
        pixels = np.zeros((2, *shape), dtype)
        pixels[1].flat[0] = value
        return PixelArray(pixels).subset(np.array([1])).keys().tobytes()

    same = (one, a, first) == (other, b, second)
    assert (key(one, a, first) == key(other, b, second)) == same
