"""What the experiments share: their common options, the data and weights, and clean errors."""

import argparse
import hashlib
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import jax

from vggjax import collective, distributed
from vggjax.data import DATASET_NAMES, RESIZE_MODES, Dataset, load_dataset
from vggjax.errors import VggjaxError, WeightsError
from vggjax.files import cache_folder
from vggjax.model import VGGConfig, table_until
from vggjax.weights import NAMES, Weights, demo_config, load_weights
from vggjax.weights.store import is_store

DEMO_BANNER = """\
==============================================================================
  DEMO   Caltech-256 is not here and could not be fetched, so this runs on the
  DEMO   rendered demo set. Its numbers say nothing about photographs.
  DEMO   For your own: --data-dir FOLDER, with one sub-folder per class.
==============================================================================
"""


@dataclass(frozen=True)
class Setting:
    """What an experiment runs on: the data and the weights of the frozen network."""

    dataset: Dataset
    weights: Weights

    @property
    def title(self) -> str:
        """Data and weights in words, for tables and figures."""
        data = "DEMO set" if self.dataset.demo else self.dataset.name
        return f"{data}, {self.weights.info.name} weights"

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.dataset.class_names)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """`--dataset`, `--data-dir`, `--resize` and `--weights`."""
    group = parser.add_argument_group("data and weights")
    group.add_argument(
        "--dataset",
        default="auto",
        metavar="NAME",
        help=f"one of {', '.join(DATASET_NAMES)}; auto (the default) is the folder given by "
        "--data-dir, else Caltech-256 if it is here or can be fetched, else the demo set",
    )
    group.add_argument(
        "--data-dir",
        type=Path,
        metavar="FOLDER",
        help="images, one sub-folder per class; or where Caltech-256 or a TFDS set is",
    )
    group.add_argument(
        "--resize",
        default="nearest",
        choices=RESIZE_MODES,
        help="how images get the network's size (nearest: as in the report)",
    )
    group.add_argument(
        "--weights",
        metavar="NAME",
        help="imagenet, imagenet-torch, demo, random, or a file or folder of weights "
        "(default: imagenet; on the demo set, demo)",
    )


def add_run_options(parser: argparse.ArgumentParser, out: str) -> None:
    """`--seed` and `--out`."""
    parser.add_argument(
        "--seed",
        type=int,
        nargs="+",
        default=[0],
        help="seed of split, head and shuffling; with several, each is a run of its own",
    )
    parser.add_argument("--out", type=Path, default=Path(out), metavar="FOLDER", help="results")


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


def load_setting(options: argparse.Namespace, until: str) -> Setting:
    """The data set and the weights that the options name, with parameters up to layer `until`."""
    if options.weights in (None, *NAMES):
        table_until(VGGConfig(), until)  # a wrong name shows before anything is downloaded
    with collective.fail_together():
        dataset = load_dataset(options.dataset, options.data_dir)
    collective.require_same(_described(options, dataset), "options and images")
    if dataset.demo and options.dataset == "auto":
        print(DEMO_BANNER, flush=True)
    name = options.weights or ("demo" if dataset.demo else "imagenet")
    config = demo_config() if name == "random" and dataset.demo else None
    _require_fetched(name)
    weights = load_weights(name, until, config=config)
    collective.require_same(weights.hash, "weights")
    return Setting(dataset, weights)


def _require_fetched(name: str) -> None:
    """Refuse to convert weights in several processes at once: Orbax would wait forever."""
    if jax.process_count() == 1 or name not in NAMES or name in ("demo", "random"):
        return
    with collective.fail_together():
        if not is_store(cache_folder() / "weights" / name):
            raise WeightsError(
                f"The weights {name} are not in {cache_folder()}; fetch them there first with one "
                f"process: python -c \"import vggjax; vggjax.load_vgg16('{name}')\"."
            )


def settings(options: argparse.Namespace) -> dict[str, object]:
    """The options as JSON-compatible data."""
    return {k: str(v) if isinstance(v, Path) else v for k, v in vars(options).items()}


def run(main: Callable[[], None]) -> None:
    """Run a script's `main`: a mistake that the user can mend is a sentence and exit status 2."""
    try:
        main()
    except VggjaxError as error:
        _exit(_failed(str(error)))
    except OSError as error:
        _exit(_failed(f"{error.filename or 'A file'}: {error.strerror or error}."))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        _exit(130)
    except Exception:
        if not jax.distributed.is_initialized():
            raise
        traceback.print_exc()
        _exit(1)


def _exit(status: int) -> NoReturn:
    """Exit; one process of several goes at once, as an orderly end would wait for the others."""
    if jax.distributed.is_initialized():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def _described(options: argparse.Namespace, dataset: Dataset) -> str:
    """What must be the same in all processes; folders may differ from machine to machine."""
    own = ("process", "out", "data_dir", "weights")
    shared = {key: value for key, value in vars(options).items() if key not in own}
    names = "\n".join(map(str, zip(dataset.ids, dataset.labels.tolist(), strict=True)))
    return f"{shared} {hashlib.sha256(names.encode()).hexdigest()}"


def _failed(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2
