"""What an image takes in memory, beside its name, where there are very many."""

import threading
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

from vggjax.data import Dataset, ImageArray, find_copies, unreadable
from vggjax.data.copies import TAIL
from vggjax.data.image_array import mapped
from vggjax.errors import DataError

COUNT = 5_000


@dataclass(frozen=True)
class Images:
    """All of one size, larger than what is looked at of their ends; JPEGs, it seems."""

    def __call__(self, name: str) -> bytes:
        return b"\xff\xd8\xff" + name.encode().ljust(2 * TAIL) + b"\xff\xd9"

    def size(self, name: str) -> int:
        return 2 * TAIL + 5

    def tail(self, name: str, length: int) -> bytes:
        return name.encode().rjust(length)


@pytest.fixture(scope="module")
def dataset():
    ids = tuple(f"{number % 4}/{number:05d}.jpg" for number in range(COUNT))
    return Dataset("many", tuple("0123"), ids, np.arange(COUNT) % 4, Images())


def kept_and_peak(run):
    """Bytes an image that `run` keeps, and those it takes at most."""
    tracemalloc.start()
    result = run()
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del result
    return kept / COUNT, peak / COUNT


def test_a_key_takes_its_32_bytes(dataset):
    images = ImageArray(dataset, size=8)
    images.subset(slice(300)).keys()  # what is made once
    whole = ImageArray(dataset, size=8)
    kept, peak = kept_and_peak(whole.keys)
    assert kept <= 2 * 32 + 8, "those that were handed out, and those that are known"
    assert peak < 300
    assert (whole.keys() == np.concatenate([images.subset(i).keys() for i in
                                            np.split(np.arange(COUNT), 10)])).all()  # fmt: skip


def test_ends_are_not_kept_to_compare_them(dataset):
    _, peak = kept_and_peak(lambda: find_copies(dataset.ids, dataset.labels, dataset.read))
    assert peak < 250, "each end has 4,096 bytes"


def test_images_that_can_be_read_take_nothing(dataset):
    kept, peak = kept_and_peak(lambda: unreadable(dataset))
    assert kept < 10
    assert peak < 100


@pytest.mark.parametrize("count", [0, 1, 7, 1_000, 40_000])
@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_order(count, threads):
    assert list(mapped(lambda n: 2 * n, range(count), threads)) == list(range(0, 2 * count, 2))


def test_few_items_are_shared_by_all_threads():
    """None waits for a group to fill: four of them meet, or this would time out."""
    barrier = threading.Barrier(4, timeout=20)
    assert list(mapped(lambda _: barrier.wait() >= 0, range(4), 4)) == [True] * 4


def test_the_first_error_is_raised():
    def fail(number):
        if number in (5, 700):
            raise DataError(str(number))

    with pytest.raises(DataError, match=r"^5$"):
        list(mapped(fail, range(1_000), 2))
