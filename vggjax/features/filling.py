"""Fills stores of features with what they lack, once however many processes ask for it."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from vggjax.collective import fail_together
from vggjax.features.cache import FeatureStore, Work
from vggjax.features.exchange import exchange, own_share
from vggjax.features.forward import branch_outputs
from vggjax.interrupts import keeping
from vggjax.model import Chain
from vggjax.progress import progress

_POLL = 0.2  # seconds
_WAITING = "Waiting for another process that computes the same features"
# Of the images that nobody has begun, a process takes this part at a time, in whole batches; so
# several that come and go end together, and a million images make some hundred files.
_PART, _LEAST, _MOST = 1 / 16, 4, 64


@dataclass(frozen=True)
class Pass:
    """What a pass needs to compute the outputs of any of the `images`."""

    chains: Mapping[str, Chain]
    images: Any
    batch_size: int
    what: str

    def compute(self, work: Mapping[str, Work], done: Callable[[int], None]) -> None:
        """Give each writer the rows of its images, batch by batch, and close it.

        `done` is told the number of images of each batch.
        """
        union = np.unique(np.concatenate([each.indices for each in work.values()]))
        size = self.batch_size
        chains = {name: self.chains[name] for name in work}
        with ExitStack() as stack:
            for each in work.values():
                stack.enter_context(closing(each.writer))
            passes = branch_outputs(chains, self.images, indices=union, batch_size=size)
            for start, found in zip(range(0, len(union), size), passes, strict=True):
                batch = union[start : start + size]
                for name, rows in found.items():
                    own = np.isin(batch, work[name].indices, assume_unique=True)
                    work[name].writer.write(rows[own])
                done(len(batch))

    @contextmanager
    def shown(self, count: int) -> Iterator[Callable[[int], None]]:
        """Shows how many of `count` images are done, and says so if the program is interrupted."""
        total = 0

        def done(images: int) -> None:
            nonlocal total
            total += images
            bar.update(images)

        def kept() -> str:
            return f"the {self.what} of {total:,} of {count:,} images are kept" if total else ""

        with progress(self.what, count, "image") as bar, keeping(kept):
            yield done


def fill(run: Pass, keys: np.ndarray, stores: Mapping[str, FeatureStore]) -> None:
    """Add to each of the `stores` the rows of `keys` (N, 32) that it lacks, none twice.

    What another process is computing is waited for. Processes that work as one share the rows.
    """
    (_fill_together if jax.process_count() > 1 else _fill)(run, keys, stores)


def _fill(run: Pass, keys: np.ndarray, stores: Mapping[str, FeatureStore]) -> None:
    left, said = _lacking(stores, keys, np.arange(len(keys))), False
    if not len(left):
        return
    with run.shown(len(left)) as done:
        while len(left):
            work = claimed(stores, keys, left, run.batch_size)
            if work:
                run.compute(work, done)
            else:
                if not said:
                    print(_WAITING, file=sys.stderr)
                said = True
                time.sleep(_POLL)
            own = np.concatenate([left[:0], *(each.indices for each in work.values())])
            before, left = left, _lacking(stores, keys, left)
            done(len(np.setdiff1d(before, np.union1d(left, own))))  # by others


def claimed(
    stores: Mapping[str, FeatureStore], keys: np.ndarray, left: np.ndarray, batch_size: int
) -> dict[str, Work]:
    """Some of the images at `left` of `keys` (N, 32) that nobody computes, for this process."""
    with ExitStack() as stack:
        for store in sorted(stores.values(), key=lambda store: store.folder):  # so none waits twice
            stack.enter_context(store.locked())
        free = {name: left[store.free(keys[left])] for name, store in stores.items()}
        images = np.unique(np.concatenate([*free.values()]))
        batches = min(max(int(len(images) * _PART / batch_size), _LEAST), _MOST)
        images = images[: batches * batch_size]
        own = {name: each[np.isin(each, images)] for name, each in free.items()}
        return {
            name: Work(each, stores[name].writer(keys[each]))
            for name, each in own.items()
            if len(each)
        }


def _lacking(stores: Mapping[str, FeatureStore], keys: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Those of the images at `left` of which one of the stores has no row."""
    missing = [store.missing(keys[left]) for store in stores.values()]
    return left[np.unique(np.concatenate(missing))]


def _fill_together(run: Pass, keys: np.ndarray, stores: Mapping[str, FeatureStore]) -> None:
    shares = {name: own_share(store, keys) for name, store in stores.items()}
    with fail_together():
        lacking = {name: own for name, own in shares.items() if len(own)}
        count = len(np.unique(np.concatenate([*shares.values()])))
        if lacking:
            with run.shown(count) as done:
                work = {n: Work(own, stores[n].writer(keys[own])) for n, own in lacking.items()}
                run.compute(work, done)
    for store in stores.values():
        exchange(store, keys)
