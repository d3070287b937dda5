"""What the experiments share: their common options, the data and weights, and clean errors."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vggjax.data import DATASET_NAMES, RESIZE_MODES, Dataset, load_dataset
from vggjax.errors import VggjaxError
from vggjax.model import VGGConfig, table_until
from vggjax.weights import NAMES, Weights, demo_config, load_weights

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
        demo = "DEMO: " if self.dataset.demo else ""
        return f"{demo}{self.dataset.name}, {self.weights.info.name} weights"

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


def load_setting(options: argparse.Namespace, until: str) -> Setting:
    """The data set and the weights that the options name, with parameters up to layer `until`."""
    if options.weights in (None, *NAMES):
        table_until(VGGConfig(), until)  # a wrong name shows before anything is downloaded
    dataset = load_dataset(options.dataset, options.data_dir)
    if dataset.demo and options.dataset == "auto":
        print(DEMO_BANNER, flush=True)
    name = options.weights or ("demo" if dataset.demo else "imagenet")
    config = demo_config() if name == "random" and dataset.demo else None
    return Setting(dataset, load_weights(name, until, config=config))


def settings(options: argparse.Namespace) -> dict[str, object]:
    """The options as JSON-compatible data."""
    return {k: str(v) if isinstance(v, Path) else v for k, v in vars(options).items()}


def run(main: Callable[[], None]) -> None:
    """Run a script's `main`: a mistake that the user can mend is a sentence and exit status 2."""
    try:
        main()
    except VggjaxError as error:
        sys.exit(_failed(str(error)))
    except OSError as error:
        sys.exit(_failed(f"{error.filename or 'A file'}: {error.strerror or error}."))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def _failed(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2
