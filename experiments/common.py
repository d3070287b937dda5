"""What the experiments share: their common options, the data and weights, and clean errors."""

import argparse
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jax
from cluster import leave, require_fetched, require_same_start

from vggjax import collective
from vggjax.data import DATASET_NAMES, RESIZE_MODES, Dataset, load_dataset
from vggjax.errors import VggjaxError
from vggjax.files import cache_folder
from vggjax.model import VGGConfig, table_until
from vggjax.weights import NAMES, Weights, demo_config, load_weights

_RULE = "=" * 78


def demo_banner(*lines: str) -> str:
    """What an experiment prints first where it runs on the demo set for want of a real one."""
    return "\n".join([_RULE, *(f"  DEMO   {line}" for line in lines), _RULE, ""])


DEMO_BANNER = demo_banner(
    "Caltech-256 is not here and could not be fetched, so this runs on the",
    "rendered demo set. Its numbers say nothing about photographs.",
    "For your own: --data-dir FOLDER, with one sub-folder per class.",
)


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
    add_network_options(group)


def add_network_options(group: argparse._ActionsContainer) -> None:
    """`--resize` and `--weights`."""
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
    check_layer(options, until)
    dataset = load_data(options)
    return Setting(dataset, load_network(options, dataset, until))


def check_layer(options: argparse.Namespace, until: str) -> None:
    """Refuse a wrong layer before anything is downloaded, where the network is known by name."""
    if options.weights in (None, *NAMES):
        table_until(VGGConfig(), until)


def load_data(
    options: argparse.Namespace,
    load: Callable[[argparse.Namespace], Dataset] = lambda o: load_dataset(o.dataset, o.data_dir),
    banner: str = DEMO_BANNER,
) -> Dataset:
    """The data set that the options name; `banner` is printed if that became the demo set."""
    with collective.fail_together():
        dataset = load(options)
    require_same_start(options, dataset)
    if dataset.demo and options.dataset == "auto":
        print(banner, flush=True)
    return dataset


def weights_name(options: argparse.Namespace, dataset: Dataset) -> str:
    """`--weights`, or what is used by default."""
    return options.weights or ("demo" if dataset.demo else "imagenet")


def load_network(options: argparse.Namespace, dataset: Dataset, until: str) -> Weights:
    """The weights that the options name, up to layer `until`."""
    name = weights_name(options, dataset)
    config = demo_config() if name == "random" and dataset.demo else None
    require_fetched(name)
    weights = load_weights(name, until, config=config)
    collective.require_same(weights.hash, "weights")
    return weights


def result_of(experiment: str, options: argparse.Namespace, setting: Setting) -> dict[str, object]:
    """What every `result.json` begins with."""
    return {
        "experiment": experiment,
        "dataset": setting.dataset.name,
        "demo": setting.dataset.demo,
        "weights": {"name": setting.weights.info.name, "hash": setting.weights.hash},
        "classes": setting.classes,
        "settings": settings(options),
    }


def settings(options: argparse.Namespace) -> dict[str, object]:
    """The options as JSON-compatible data."""
    return {k: str(v) if isinstance(v, Path) else v for k, v in vars(options).items()}


def run(main: Callable[[], None]) -> None:
    """Run a script's `main`: a mistake that the user can mend is a sentence and exit status 2."""
    keep_compiled()
    try:
        main()
    except VggjaxError as error:
        leave(_failed(str(error)))
    except OSError as error:
        leave(_failed(f"{error.filename or 'A file'}: {error.strerror or error}."))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        leave(130)
    except Exception:
        if not jax.distributed.is_initialized():
            raise
        traceback.print_exc()
        leave(1)


def keep_compiled() -> None:
    """Keep compiled programs in the cache folder, so that a second start doesn't compile them."""
    jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)


def _failed(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2
