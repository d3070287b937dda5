"""A head on the 1000 ImageNet probabilities, softened by a temperature
(reference row B1).

    python experiments/temperature.py
    python experiments/temperature.py --temperatures 0.5 1 2 --seed 0 1 2
    python experiments/temperature.py --data-dir my_photos

The network stays whole and frozen, its last layer included. Its logits a are
kept in the cache; only softmax(a / T) and a new softmax layer on those
probabilities run in training. On Caltech-256 with ImageNet weights the
reference finds T = 1 best, at 0.51 test accuracy, and that a higher T learns
more slowly and ends lower.

The demo weights have 96 classes instead of 1000, and the demo set has 10 steps
an epoch instead of 80, too few to learn from; --dataset demo --epochs 120
takes as many steps as the reference.
"""

import vggjax.startup  # noqa: F401

from dataclasses import dataclass, replace
from typing import ClassVar

from engine.comparison import Comparison, compare_heads
from engine.experiment import main
from engine.head_options import HeadOptions
from engine.heads import HeadPlan
from engine.job import Job
from engine.options import option, other_default

from vggjax.data import Split
from vggjax.model import temperature_head
from vggjax.report.reference import B1_BEST_ACCURACY, B1_BEST_TEMPERATURE
from vggjax.training import FitConfig

LAYER = "predictions"


@dataclass(frozen=True, kw_only=True)
class TemperatureOptions(HeadOptions):
    """The reference's recipe (B1)."""

    group: ClassVar[str] = "head"
    rank: ClassVar[int] = 1

    temperatures: tuple[float, ...] = option(
        (1.0, 2.0, 4.0, 8.0, 16.0), "temperatures to compare", metavar="T"
    )
    min_delta: float = option(1e-3, "what counts as a better validation loss", metavar="D")
    samples: tuple[int, ...] = other_default(HeadOptions, "samples", (10,))
    val: int = other_default(HeadOptions, "val", 3)
    test: int = other_default(HeadOptions, "test", 10)
    epochs: int = other_default(HeadOptions, "epochs", 15)
    patience: int | None = other_default(HeadOptions, "patience", 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        for temperature in self.temperatures:
            temperature_head(2, 2, temperature)  # a wrong one shows before anything is loaded

    def fit_config(self, seed: int, rate: float | None = None) -> FitConfig:
        """As for all heads, and what early stopping waits for."""
        return replace(super().fit_config(seed, rate), min_delta=self.min_delta)


def plans(job: Job[TemperatureOptions]) -> list[HeadPlan]:
    """A head for each temperature, on the same logits and from the same initial values."""
    temperatures = sorted(set(job.options.temperatures))
    return [plan(job, split, t) for split in job.splits for t in temperatures]


def plan(job: Job[TemperatureOptions], split: Split, temperature: float) -> HeadPlan:
    """A softmax layer on probabilities of that temperature."""
    (logits,) = job.feature_shape(LAYER)
    return HeadPlan(
        key={"temperature": temperature, "seed": split.seed},
        layer=LAYER,
        split=split,
        samples=max(job.options.samples),
        config=job.options.fit_config(split.seed),
        make=lambda features: temperature_head(
            logits, job.classes, temperature, split.seed, start=job.options.head_start
        ),
    )


TEMPERATURE = compare_heads(
    plans,
    Comparison(
        by={"temperature": ("temperature T", "T = {:g}")},
        measures=("test accuracy", "train accuracy", "validation accuracy", "test loss", "epochs"),
        about="Caltech-256, ImageNet weights, Figure 28",
        accuracies={B1_BEST_TEMPERATURE: B1_BEST_ACCURACY},
        form="{:.2f} (best)",
        otherwise="lower",
    ),
    name="temperature",
    rows="B1",
    title="a head on softened probabilities",
    text="In the reference T = 1 is best, and a higher T learns more slowly and ends lower. (The "
    "demo weights have 96 classes instead of 1000, and there a T above 1 ends higher.)",
    description=__doc__,
    options=TemperatureOptions,
    layers=lambda options: [LAYER],
    captions={
        "accuracy.png": "B1: test accuracy by temperature (Figure 28)",
        "validation-seed0.png": "B1: validation accuracy per epoch (Figure 28)",
    },
)

if __name__ == "__main__":
    main(TEMPERATURE)
