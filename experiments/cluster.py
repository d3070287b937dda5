"""Several processes that work as one: their options, their start, and how they end together."""

import argparse
import hashlib
import os
import sys
from pathlib import Path
from typing import NoReturn

import jax

from vggjax import collective, distributed
from vggjax.data import Dataset
from vggjax.errors import WeightsError
from vggjax.files import cache_folder
from vggjax.weights import NAMES
from vggjax.weights.store import is_store


def add_cluster_options(parser: argparse.ArgumentParser) -> None:
    """`--coordinator`, `--processes`, `--process` and `--cluster`."""
    group = parser.add_argument_group("several processes (see docs/distributed.md)")
    add = group.add_argument
    add("--coordinator", metavar="HOST:PORT", help="where process 0 can be reached by the others")
    add("--processes", type=int, metavar="N", help="how many there are")
    add("--process", type=int, metavar="I", help="which of them this is, from 0")
    add("--cluster", action="store_true", help="let JAX find the other processes (TPU pods)")


def start_cluster(options: argparse.Namespace) -> None:
    """Join the other processes, if there are any; all but the first are silent from then on."""
    distributed.initialize(
        options.coordinator, options.processes, options.process, detect=options.cluster
    )
    if jax.distributed.is_initialized() and not collective.is_first():
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (until the end)


def require_same_start(options: argparse.Namespace, dataset: Dataset) -> None:
    """Refuse to start with other options or images; folders may differ between the machines."""
    own = ("process", "out", "data_dir", "weights")
    shared = {key: value for key, value in vars(options).items() if key not in own}
    names = "\n".join(map(str, zip(dataset.ids, dataset.labels.tolist(), strict=True)))
    described = f"{shared} {hashlib.sha256(names.encode()).hexdigest()}"
    collective.require_same(described, "options and images")


def require_fetched(name: str) -> None:
    """Refuse to fetch and convert the same weights in several processes at once."""
    if jax.process_count() == 1 or name not in NAMES or name in ("demo", "random"):
        return
    with collective.fail_together():
        if not is_store(cache_folder() / "weights" / name):
            raise WeightsError(
                f"The weights {name} are not in {cache_folder()}; fetch them there first with one "
                f"process: python -c \"import vggjax; vggjax.load_vgg16('{name}')\"."
            )


def leave(status: int) -> NoReturn:
    """Exit; one process of several goes at once, as an orderly end would wait for the others."""
    if jax.distributed.is_initialized():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)
