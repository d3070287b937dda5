"""A data set for tests of splits: its images are never read."""

import numpy as np

from vggjax.data import Dataset

COUNTS = {"big": 90, "fits": 80, "tight": 79, "small": 30, "tiny": 5, "least": 3}


def make_dataset(counts: dict[str, int] | None = None, name: str = "things") -> Dataset:
    counts = counts or COUNTS
    ids = tuple(f"{kind}/{n:03d}.jpg" for kind, count in counts.items() for n in range(count))
    labels = np.repeat(np.arange(len(counts), dtype=np.int32), list(counts.values()))
    return Dataset(name, tuple(counts), ids, labels, lambda name: b"")
