"""Several processes that work as one: their start, what they must share, how they end together."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import jax

from engine.command_line import settings
from engine.options import ProcessOptions
from vggjax import collective, distributed
from vggjax.data import Dataset
from vggjax.errors import WeightsError
from vggjax.files import cache_folder
from vggjax.model import deepest_layer
from vggjax.weights.remote import REMOTES, stored


def start(options: ProcessOptions) -> None:
    """Join the other processes, if there are any; all but the first are silent from then on."""
    distributed.initialize(
        options.coordinator, options.processes, options.process, detect=options.cluster
    )
    if jax.distributed.is_initialized() and not collective.is_first():
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (until the end)


def require_same_start(options: ProcessOptions, dataset: Dataset | None) -> None:
    """Refuse to start with other options or images; folders may differ between the machines."""
    own = ("process", "out", "data_dir", "weights")
    shared = {key: value for key, value in settings(options).items() if key not in own}
    images = dataset.digest() if dataset is not None and jax.process_count() > 1 else ""
    collective.require_same(f"{shared} {images}", "options and images")


def require_fetched(name: str, layers: Sequence[str]) -> None:
    """Refuse to fetch and convert what `layers` need in several processes at once."""
    if jax.process_count() == 1 or name not in REMOTES:
        return
    with collective.fail_together():
        if not stored(name, layers):
            arguments = f"'{name}', '{deepest_layer(REMOTES[name].config, layers)}'"
            raise WeightsError(
                f"The weights {name} are not in {cache_folder()}; fetch them there first with one "
                f'process: python -c "import vggjax; vggjax.load_vgg({arguments})".'
            )


def leave(status: int) -> NoReturn:
    """Exit; one process of several goes at once, as an orderly end would wait for the others."""
    if jax.distributed.is_initialized():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)
