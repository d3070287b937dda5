"""What may be given as inputs and labels, and what is refused, in a sentence."""

import jax.numpy as jnp
import numpy as np
import pytest

from vggjax.data import Dataset, ImageArray, Split
from vggjax.errors import DataError, VggjaxWarning
from vggjax.features import Examples, compute, extract
from vggjax.features.devices import device_batches

THREE = np.zeros((3, 2), np.float32)


class Column:
    """As a pandas Series: an array by position, but indexed by its own labels."""

    def __init__(self, values, index):
        self.values, self.index = np.asarray(values), list(index)

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        return self.values.astype(dtype or self.values.dtype)

    def __getitem__(self, labels):
        return self.values[[self.index.index(label) for label in labels]]


@pytest.mark.parametrize(
    "labels",
    [
        [2, 0, 1],
        (2, 0, 1),
        np.array([2.0, 0.0, 1.0]),
        np.array([[2], [0], [1]], np.int64),
        np.array([2, 0, 1], np.uint64),
        np.array([2, 0, 1], object),
        jnp.array([2, 0, 1]),
        Column([2, 0, 1], [1, 2, 0]),
        Column(np.array([2, 0, 1], object), "xyz"),
    ],
)
def test_labels_are_taken_by_position_in_any_form(labels):
    found = Examples(THREE, labels).labels
    assert isinstance(found, np.ndarray)
    assert (found.dtype, found.tolist()) == (np.int32, [2, 0, 1])


def test_truth_values_are_two_classes():
    assert Examples(THREE, [True, False, True]).labels.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["cat", "dog", "cat"], "names such as 'cat'; number the classes from 0"),
        (np.eye(3), r"rows of 3 numbers, .* labels\.argmax\(-1\)"),
        (np.zeros((3, 1, 1)), r"a row of numbers \(N,\), not \(3, 1, 1\)"),
        (2, "a row of numbers"),
        ([0, -1, 1], "number 1, counted from 0, is -1; labels are whole numbers from 0"),
        ([0, 1, float("nan")], "number 2, counted from 0, is nan"),
        ([0, 1, float("inf")], "is inf"),
        ([0, 1.5, 1], "is 1.5; labels are whole"),
        ([0, 2**40, 1], "is 1099511627776"),
        ([0, None, 1], "real numbers, not of NumPy's type object"),
        ([[0], [1, 2], [1]], "can't be made one array; have"),
        ([1j, 0, 1], "not of NumPy's type complex128"),
        (np.array(["2001-01-01"] * 3, "datetime64[D]"), "datetime64"),
        ([0, 1], "3 inputs but 2 labels"),
    ],
)
def test_other_labels_are_refused(labels, message):
    with pytest.raises(DataError, match=message):
        Examples(THREE, labels)


@pytest.mark.parametrize(
    "inputs",
    [
        [[1, 2], [3, 4]],
        ([1, 2], np.array([3, 4])),
        jnp.array([[1, 2], [3, 4]]),
        Column([[1, 2], [3, 4]], "ab"),
        np.array([[1, 2], [3, 4]], object),
    ],
)
def test_inputs_become_an_array(inputs):
    examples = Examples(inputs, [0, 1])
    assert isinstance(examples.inputs, np.ndarray)
    np.testing.assert_array_equal(examples.inputs[np.array([1, 0])], [[3, 4], [1, 2]])
    assert examples.input_shape == (2,)


def broken(value):
    rows = np.ones((3, 2, 2), np.float32)
    rows[1, 0, 1] = value
    return rows


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (broken(np.nan), "input number 1, counted from 0, holds numbers that are not finite"),
        (broken(-np.inf), "not finite"),
        (broken(np.inf).astype(jnp.bfloat16), "not finite"),
        (["a.jpg", "b.jpg", "c.jpg"], "There is text .* photographs in files are read by"),
        ([np.zeros((4, 4, 3)), np.zeros((5, 4, 3)), np.zeros((4, 4, 3))], "one shape"),
        (np.array([{}, {}, {}]), "real numbers, not of NumPy's type object"),
        (np.zeros((3, 2), complex), "complex128"),
        (np.float32(3), "not a single number"),
        ({"a": 1}, "of the class dict, can't be picked by number"),
        ((n for n in range(3)), "of the class generator, can't"),
        ([], "0 inputs but 3 labels"),
    ],
)
def test_other_inputs_are_refused(inputs, message):
    with pytest.raises(DataError, match=message):
        Examples(inputs, [0, 1, 0])


def test_large_sums_are_no_reason_to_refuse():
    Examples(np.full((3, 2), 3e38, np.float32), [0, 1, 0])


def test_what_is_read_lazily_is_searched_where_that_is_asked_for(images, labels):
    examples = Examples(images, labels)
    assert examples.inputs is images
    assert images.decoded == 0
    examples.require_finite()
    assert images.decoded == 70
    lazy = Examples(type(images)(np.concatenate([broken(1), broken(np.nan)])), np.arange(6))
    with pytest.raises(DataError, match="input number 4, counted"):
        lazy.require_finite(size=2)


def test_what_is_printed_is_short():
    dataset = Dataset("pets", ("cat", "dog"), ("a", "b", "c"), np.array([0, 1, 0]), str.encode)
    images = ImageArray(dataset, size=32)
    split = Split("pets", "", 3, 8, 4, 5, {})
    assert repr(split) == (
        "Split(pets, seed 3, 0 classes, up to 8 train, 4 validation and 5 test images each)"
    )
    assert repr(dataset) == "Dataset(pets, 2 classes, 3 images)"
    assert repr(images) == "ImageArray((3, 32, 32, 3), uint8, of pets, crop)"
    shown = repr(Examples(images, images.labels))
    assert shown == "Examples(3 of (32, 32, 3) uint8, labels 0 to 1)"
    assert repr(Examples(range(3), [0, 1, 4])) == "Examples(3 of range, labels 0 to 4)"


def test_features_are_printed_in_a_line(backbone, images, tmp_path):
    assert repr(extract(backbone, images, cache=tmp_path)) == "Features((70, 16), float32)"


def pixels(low, high, dtype=np.float32):
    return np.linspace(low, high, 2 * 32 * 32 * 3).reshape(2, 32, 32, 3).astype(dtype)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (pixels(0, 1), "from 0 to 1, but the network's first layer, 'preprocess', takes RGB"),
        (pixels(-2.1, 2.6), "from -2.1 to 2.6"),
        (pixels(-124, 151), "from -124 to 151"),
        (pixels(0, 60000, np.int32), "from 0 to 60000,"),
    ],
)
def test_images_in_another_range_are_warned_of(backbone, images, message):
    with pytest.warns(VggjaxWarning, match=message):
        compute(backbone, images)


@pytest.mark.parametrize("images", [pixels(0, 255), pixels(0, 0), pixels(0, 1, np.uint8)])
def test_images_in_0_to_255_pass(backbone, images):
    compute(backbone, images)


def test_features_in_any_range_pass(small_vgg):
    compute(small_vgg.after("flatten"), np.full((2, 8), -1, np.float32))


def test_a_batch_far_larger_than_the_examples_takes_no_memory():
    examples = Examples(np.ones((5, 2), np.float32), [0, 1, 0, 1, 1])
    (batch,) = device_batches(examples, 10**13, None, None)
    assert batch.inputs.shape == (1024, 2)
    assert batch.weights.sum() == 5
    (usual,) = device_batches(examples, 32, None, None)
    assert usual.inputs.shape == (32, 2), "as ever"
