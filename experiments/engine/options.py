"""The options that experiments share, as dataclasses: their fields are the command line's.

A class's `group` and `rank` say under which heading its own fields stand in a help text, and
where.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, get_args

from vggjax.data import DATASET_NAMES, RESIZE_MODES, Dataset, Split
from vggjax.errors import DataError
from vggjax.model.config import Preprocessing

MOST = 2**31 - 1  # what every library that gets such a number can take
OptionsT = TypeVar("OptionsT", bound="NetworkOptions")


def option(
    default: Any,
    text: str,
    *,
    metavar: str | None = None,
    choices: Sequence[str] | None = None,
    least: int | None = None,
    most: int = MOST,
    beside: bool = False,
) -> Any:
    """A field of an options class, with its help `text`.

    With `least`, a number below it or above `most` is refused. What is `beside` changes no number
    of the result: a run with another value of it is the same run.
    """
    about = {"help": text, "metavar": metavar, "choices": choices, "beside": beside}
    return field(default=default, metadata={**about, "least": least, "most": most})


def _bounds(each: Any) -> tuple[int | None, int]:
    return each.metadata["least"], each.metadata["most"]


def flag(name: str) -> str:
    """A field's name as an option of the command line."""
    return f"--{name.replace('_', '-')}"


def other_default(kind: type, name: str, value: Any) -> Any:
    """The option `name` of an options class, with another default."""
    (about,) = (each.metadata for each in fields(kind) if each.name == name)
    return field(default=value, metadata=about)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What every experiment has."""

    group: ClassVar[str] = "this run"
    rank: ClassVar[int] = 4
    several_seeds: ClassVar[bool] = False

    seed: tuple[int, ...] = option(
        (0,), "seed of split, head and shuffling; each is a run of its own", metavar="N", least=0
    )
    seeds: int | None = option(
        None,
        "so many seeds, from 0 on, instead (default: those of --seed)",
        metavar="N",
        least=1,
        most=10_000,
        beside=True,
    )
    out: Path | None = option(
        None, "where the results go (default: by experiment, data and layer, below runs/)",
        metavar="FOLDER", beside=True,
    )  # fmt: skip
    again: bool = option(False, "run even if the same run is there already", beside=True)

    def __post_init__(self) -> None:
        for each in fields(self):
            value, (least, most) = getattr(self, each.name), _bounds(each)
            for number in value if isinstance(value, tuple) else (value,):
                if least is None or number is None or least <= number <= most:
                    continue
                bound = f"least {least}" if number < least else f"most {most}"
                raise DataError(f"{flag(each.name)} must be at {bound}, not {number}.")
        if self.seeds is not None:
            if self.seed != (0,):
                raise DataError("--seeds N stands for --seed 0 … N-1; leave one of them out.")
            object.__setattr__(self, "seed", tuple(range(self.seeds)))
            object.__setattr__(self, "seeds", None)
        if len(self.seed) > 1 and not self.several_seeds:
            raise DataError("This experiment takes a single --seed.")

    def splits(self, out: Path, dataset: Dataset) -> list[Split]:
        """The splits of `dataset` that the run works on, one for each seed; none by default."""
        return []

    @property
    def mark(self) -> str:
        """A remark that every title carries."""
        return ""

    @property
    def variant(self) -> str:
        """What tells the run's default folder from those of other recipes."""
        return ""

    @property
    def wanted_files(self) -> tuple[str, ...]:
        """How the names of files begin that the run is to leave, and that it may lack otherwise."""
        return ()


@dataclass(frozen=True, kw_only=True)
class ProcessOptions(RunOptions):
    """How this process joins others."""

    group: ClassVar[str] = "several processes (see docs/distributed.md)"
    rank: ClassVar[int] = 5

    coordinator: str | None = option(
        None, "where process 0 can be reached by the others", metavar="HOST:PORT", beside=True
    )
    processes: int | None = option(None, "how many there are", metavar="N", beside=True)
    process: int | None = option(None, "which of them this is, from 0", metavar="I", beside=True)
    cluster: bool = option(False, "let JAX find the other processes (TPU pods)", beside=True)


@dataclass(frozen=True, kw_only=True)
class NetworkOptions(ProcessOptions):
    """The network, and how images get its size."""

    group: ClassVar[str] = "network"
    rank: ClassVar[int] = 3

    weights: str | None = option(
        None, "imagenet, imagenet-notop, imagenet-torch, vgg19, vgg16_bn-torch and others (see "
        "weights/README.md), demo, random, or a file or folder of weights (default: imagenet; on "
        "the demo set, or without a network, demo)",
        metavar="NAME", beside=True,
    )  # fmt: skip
    preprocessing: str | None = option(
        None, "what a file of weights expects of images, where it doesn't say (default: caffe for "
        "Keras' files, torch for PyTorch's)", choices=get_args(Preprocessing),
    )  # fmt: skip
    resize: str | None = option(
        None, "how images get the network's size (default: crop; on the reference's data sets, and "
        "the demo set that stands in for them, nearest as there)", choices=RESIZE_MODES,
    )  # fmt: skip
    skip_unreadable: bool = option(False, "go on without images that can't be read", beside=True)
    precision: str = option(
        "float32", "what the frozen network computes in", choices=("float32", "bfloat16")
    )

    def resolved(self, reference: bool) -> Self:
        """The options with what was left open chosen: by the `reference`'s data, or others."""
        return replace(self, resize=self.resize or ("nearest" if reference else "crop"))


@dataclass(frozen=True, kw_only=True)
class DataOptions(NetworkOptions):
    """The images."""

    group: ClassVar[str] = "data"
    rank: ClassVar[int] = 0

    data_dir: Path | None = option(
        None, "your images, one sub-folder per class; or where Caltech-256 or a TFDS set is",
        metavar="FOLDER", beside=True,
    )  # fmt: skip
    dataset: str = option(
        "auto", f"one of {', '.join(DATASET_NAMES)}; auto is the folder given by --data-dir, else "
        "Caltech-256 if it is here or can be fetched, else the demo set",
        metavar="NAME", beside=True,
    )  # fmt: skip
