"""What holds of the keys that features are kept under, whatever the images."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vggjax.data import VIEWS, Dataset, ImageArray

CONTENTS = st.lists(st.binary(max_size=40), min_size=1, max_size=12)
HOW = st.tuples(
    st.integers(8, 300),
    st.sampled_from(["crop", "nearest", "box"]),
    st.sampled_from(sorted(VIEWS)),
)


def keys(contents, how, prefix=""):
    ids = tuple(f"{prefix}{n}" for n in range(len(contents)))
    read = dict(zip(ids, contents, strict=True)).__getitem__
    size, resize, view = how
    labels = np.zeros(len(ids), np.int32)
    images = ImageArray(Dataset("any", ("a",), ids, labels, read), None, size, resize, 1, view)
    return listed(images), images


def listed(images):
    rows = images.keys()
    return [key.tobytes() for key in rows]


def pixels(how):
    """What a key has to tell apart beside the bytes: side, way of resizing, flip."""
    size, resize, view = how
    return VIEWS[view].side(size), resize, VIEWS[view].flip


@given(CONTENTS, HOW)
def test_same_bytes_same_key_other_bytes_another(contents, how):
    found, _ = keys(contents, how)
    for a, first in zip(found, contents, strict=True):
        for b, second in zip(found, contents, strict=True):
            assert (a == b) == (first == second)


@given(st.binary(max_size=40), HOW, HOW)
def test_another_size_resize_or_flip_is_another_key(content, one, other):
    (a,), _ = keys([content], one)
    (b,), _ = keys([content], other)
    assert (a == b) == (pixels(one) == pixels(other))


@given(CONTENTS, HOW, st.randoms(use_true_random=False))
def test_names_and_order_change_no_key(contents, how, random):
    found, images = keys(contents, how)
    assert keys(contents, how, "other names ")[0] == found
    order = random.sample(range(len(contents)), len(contents))
    assert keys([contents[n] for n in order], how)[0] == [found[n] for n in order]
    assert listed(images.subset(np.array(order))) == [found[n] for n in order]
