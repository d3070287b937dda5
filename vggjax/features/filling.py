"""Fills stores of features with what they lack, once however many processes ask for it."""

import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
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


@dataclass(frozen=True)
class Pass:
    """What a pass needs to compute the outputs of any of the `images`."""

    chains: Mapping[str, Chain]
    images: Any
    batch_size: int
    what: str

    def compute(self, work: Mapping[str, Work]) -> None:
        """Give each writer the rows of its images, batch by batch, and close it."""
        if not work:
            return
        union = np.unique(np.concatenate([each.indices for each in work.values()]))
        size, done = self.batch_size, 0
        chains = {name: self.chains[name] for name in work}
        with ExitStack() as stack:
            for each in work.values():
                stack.enter_context(closing(each.writer))
            bar = stack.enter_context(progress(self.what, len(union), "image"))
            stack.enter_context(keeping(lambda: _kept(self.what, done, len(union))))
            passes = branch_outputs(chains, self.images, indices=union, batch_size=size)
            for start, found in zip(range(0, len(union), size), passes, strict=True):
                batch = union[start : start + size]
                for name, rows in found.items():
                    own = np.isin(batch, work[name].indices, assume_unique=True)
                    work[name].writer.write(rows[own])
                done += len(batch)
                bar.update(len(batch))


def _kept(what: str, done: int, count: int) -> str:
    return f"the {what} of {done:,} of {count:,} images are kept" if done else ""


def fill(run: Pass, keys: np.ndarray, stores: Mapping[str, FeatureStore]) -> None:
    """Add to each of the `stores` the rows of `keys` (N, 32) that it lacks, none twice.

    What another process is computing is waited for. Processes that work as one share the rows.
    """
    (_fill_together if jax.process_count() > 1 else _fill)(run, keys, stores)


def _fill(run: Pass, keys: np.ndarray, stores: Mapping[str, FeatureStore]) -> None:
    said = False
    while any(len(store.missing(keys)) for store in stores.values()):
        claims = {name: store.claim(keys) for name, store in stores.items()}
        if work := {name: own for name, own in claims.items() if own}:
            run.compute(work)
            continue
        if not said:
            print("Waiting for another process that computes the same features", file=sys.stderr)
        said = True
        time.sleep(_POLL)


def _fill_together(run: Pass, keys: np.ndarray, stores: Mapping[str, FeatureStore]) -> None:
    shares = {name: own_share(store, keys) for name, store in stores.items()}
    with fail_together():
        lacking = {name: own for name, own in shares.items() if len(own)}
        run.compute(
            {name: Work(own, stores[name].writer(keys[own])) for name, own in lacking.items()}
        )
    for store in stores.values():
        exchange(store, keys)
