"""What does each step towards the best linear head give?

    python experiments/steps.py --data-dir my_photos --samples 1 4 16 --seeds 5
    python experiments/steps.py --steps pyramid flip --layer block4_pool

Each step is a ridge head, solved exactly, its strength chosen by validation
images; what it sees of the maps of --layer is, step by step:
  flat         all values, as they are
  average      each map's mean instead
  length       flat, each image's row scaled to length 1
  centred      the same minus the mean of the training images, before that
  root         the square root of each value, to length 1
  pyramid      flat beside each map's root mean square, both of length 1 (the
               default of heads that are solved)
  root pyramid the same of square roots (the other one that `auto` may choose)
  flip         pyramid, of the image and of its mirror image (--views flip)
  large        pyramid, of the image and of one of 9/7 the size, the network
               applied densely (--views large)
  joined       pyramid, of --layer and of --beside side by side
"""

import vggjax.startup  # noqa: F401

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from engine.comparison import Comparison, compare_heads
from engine.experiment import main
from engine.head_options import HeadOptions
from engine.heads import LinearPlan
from engine.job import Job
from engine.options import option, other_default

from vggjax.data import WHOLE, Split
from vggjax.errors import DataError
from vggjax.linear import Rows


@dataclass(frozen=True)
class Step:
    """How features become rows, in which views, and whether those of two layers are joined."""

    rows: Rows
    views: tuple[str, ...] = (WHOLE,)
    joined: bool = False


STEPS: Mapping[str, Step] = {
    "flat": Step(Rows("flat", norm=False)),
    "average": Step(Rows("average", norm=False)),
    "length": Step(Rows("flat")),
    "centred": Step(Rows("flat", center=True)),
    "root": Step(Rows("flat", power=0.5)),
    "pyramid": Step(Rows()),
    "root pyramid": Step(Rows(power=0.5)),
    "flip": Step(Rows(), views=(WHOLE, "flip")),
    "large": Step(Rows(), views=(WHOLE, "large")),
    "joined": Step(Rows(), joined=True),
}


@dataclass(frozen=True, kw_only=True)
class StepsOptions(HeadOptions):
    """Which steps, on which layer."""

    group: ClassVar[str] = "head"
    rank: ClassVar[int] = 1

    steps: tuple[str, ...] = option(
        tuple(STEPS), "the steps to compare", metavar="STEP", choices=tuple(STEPS)
    )
    layer: str = option("block5_pool", "the layer whose features they see", metavar="LAYER")
    beside: str = option("block4_pool", "the layer that is joined to it", metavar="LAYER")
    classifiers: bool = other_default(HeadOptions, "classifiers", False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.as_its_code:
            raise DataError("--as-its-code is for the reference's heads; leave it out.")


def plans(job: Job[StepsOptions]) -> list[LinearPlan]:
    """A ridge head for each number of images, step and seed."""
    sizes = sorted(set(job.options.samples))
    return [
        plan(job, split, samples, name)
        for split in job.splits
        for samples in sizes
        for name in dict.fromkeys(job.options.steps)
    ]


def plan(job: Job[StepsOptions], split: Split, samples: int, name: str) -> LinearPlan:
    """One step's head on `samples` images per class."""
    options, step = job.options, STEPS[name]
    layers = (options.layer, options.beside) if step.joined else (options.layer,)
    key = {"samples": samples, "step": name, "seed": split.seed}
    return LinearPlan(
        key, layers, split, samples, ("ridge",), step.views, sets=(layers,), recipes=(step.rows,)
    )


def layers(options: StepsOptions) -> list[str]:
    """The layers that the steps need."""
    joined = any(STEPS[name].joined for name in options.steps)
    return [options.layer, *([options.beside] if joined else [])]


LINEAR_STEPS = compare_heads(
    plans,
    Comparison(
        by={"samples": ("images per class", "{} per class"), "step": ("step", "{}")},
        curves=True,
        against="pyramid",
        measures=("test accuracy", "test loss", "seconds"),
        about="the reference has no such row",
    ),
    name="steps",
    rows="none",
    title="steps towards the best linear head",
    text="What counts most is how much of each map there is, beside where it is: the pyramid, "
    "above all with few images.",
    description=__doc__,
    options=StepsOptions,
    layers=layers,
)

if __name__ == "__main__":
    main(LINEAR_STEPS)
