"""Features that several processes computed, made known to all of them.

With a shared cache folder each finds the others' rows there; otherwise they are sent.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import jax
import numpy as np

from vggjax.collective import fail_together, gather, gather_own, own
from vggjax.features.cache import FeatureStore

CHUNK_BYTES = 16 * 2**20


def shared_keys(images: Any) -> np.ndarray:
    """The keys (N, 32) of `images`, each read by one process only."""
    with fail_together():
        keys = images.subset(own(np.arange(len(images)))).keys()
    return gather_own(keys, len(images))


def own_share(store: FeatureStore, keys: np.ndarray) -> np.ndarray:
    """Indices of those `keys` (N, 32) that no process's store has and this one is to compute."""
    return own(np.flatnonzero(_missing(store, keys).all(axis=0)))


def exchange(store: FeatureStore, keys: np.ndarray) -> None:
    """Add to the store those rows that only other processes have."""
    missing = _missing(store, keys)
    ours = np.flatnonzero(missing[jax.process_index()])
    with closing(store.writer(keys[ours])) as writer:
        for rows in _sent(store, keys, missing):  # also those that others alone wait for
            writer.write(rows)
    store.refresh()


def _missing(store: FeatureStore, keys: np.ndarray) -> np.ndarray:
    """Which of the keys each process lacks, (processes, N) bool."""
    mask = np.zeros(len(keys), np.bool_)
    mask[store.missing(keys)] = True
    return gather(mask)


def _sent(store: FeatureStore, keys: np.ndarray, missing: np.ndarray) -> Iterator[np.ndarray]:
    """The rows that this process lacks, chunk by chunk, from the first process that has each."""
    process, owner = jax.process_index(), missing.argmin(axis=0)
    wanted = np.flatnonzero(missing.any(axis=0))
    size = max(1, CHUNK_BYTES // (store.dtype.itemsize * int(np.prod(store.row_shape))))
    for chunk in np.split(wanted, range(size, len(wanted), size)):
        here = owner[chunk] == process
        rows = np.zeros((len(chunk), *store.row_shape), store.dtype)
        rows[here] = store.select(keys[chunk[here]])[:]
        everyone = gather(rows)
        yield everyone[owner[chunk], np.arange(len(chunk))][missing[process, chunk]]
