"""Keys are found as a dictionary would find them, in a part of its memory."""

import tracemalloc
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vggjax.features import index
from vggjax.features.cache import FeatureStore
from vggjax.features.index import KeyIndex, first_of_equals, grouped

# A few bytes, so that keys are equal or nearly so.
KEYS = st.lists(st.lists(st.sampled_from([0, 1, 255]), min_size=2, max_size=2), max_size=30)


def as_keys(ends, places):
    keys = np.zeros((len(ends), 32), np.uint8)
    keys[:, places] = np.array(ends, np.uint8).reshape(-1, 2)
    return keys


@pytest.fixture(params=["mixed", "all the same"])
def numbers(request, monkeypatch):
    """As they are, and as if all keys had the same number."""
    if request.param == "all the same":
        monkeypatch.setattr(index, "_FACTORS", np.zeros(4, np.uint64))


@pytest.mark.usefixtures("numbers")
@pytest.mark.parametrize("places", [(0, 1), (7, 8), (0, 31)])
def test_keys_are_found_as_in_a_dictionary(places):
    @settings(max_examples=60)
    @given(KEYS, KEYS)
    def check(there, wanted):
        keys, asked = as_keys(there, places), as_keys(wanted, places)
        expected = {key.tobytes(): n for n, key in reversed(list(enumerate(keys)))}
        found = KeyIndex.of(keys).find(asked)
        assert found.tolist() == [expected.get(key.tobytes(), -1) for key in asked]
        assert first_of_equals(keys).tolist() == sorted(expected.values())

    check()


@given(st.lists(st.integers(-2, 3)))
def test_groups_are_all_indices_of_each_value(values):
    found = {value: where.tolist() for value, where in grouped(np.array(values, np.int64))}
    assert found == {v: [i for i, w in enumerate(values) if w == v] for v in sorted({*values})}


def test_an_image_takes_a_hundred_bytes(tmp_path):
    """Its key twice, a checksum, where it is and how it is found: 32 + 32 + 8 + 12 + 16."""
    count = 20_000
    keys = np.random.default_rng(0).integers(256, size=(count, 32), dtype=np.uint8)
    layout = (tmp_path, (1,), np.dtype(np.float32))
    for own in np.array_split(keys, 3):
        with closing(FeatureStore(*layout).writer(own)) as writer:
            writer.write(np.ones((len(own), 1), np.float32))
    tracemalloc.start()
    store = FeatureStore(*layout)
    assert not len(store.missing(keys))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept / count < 105


def test_rows_of_many_files_come_in_the_order_asked_for(tmp_path):
    store = FeatureStore(tmp_path, (1,), np.dtype(np.float32))
    keys = np.random.default_rng(0).integers(256, size=(300, 32), dtype=np.uint8)
    for number, key in enumerate(keys):
        with closing(store.writer(key[None])) as writer:
            writer.write(np.full((1, 1), number, np.float32))
    order = np.random.default_rng(1).permutation(300)
    assert len(store.missing(keys)) == 0
    assert store.select(keys[order])[:][:, 0].tolist() == order.tolist()
