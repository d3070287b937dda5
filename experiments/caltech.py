"""A new softmax head on a frozen VGG16, at a few images per class (reference
rows C1, C2, C3).

    python experiments/caltech.py --samples 4
    python experiments/caltech.py --samples 2 4 8 16 32 --seed 0 1 2 3 4
    python experiments/caltech.py --samples 4 --data-dir my_photos

On Caltech-256 with ImageNet weights the reference gives 0.4518, 0.5885,
0.6746, 0.7112 and 0.7321 for 2, 4, 8, 16 and 32 images per class, validation
accuracies. With no network, it runs on the demo set: 0.5742 (test) at 4 images
per class.

The recipe called reference trains on the features as they are, at a learning
rate of 0.001. The one called steady, the default for own photos, standardises
them with the training images' mean and deviation, and has a learning rate of
0.5 / number of features.

The output folder gets the figures, the history, the split, `result.json` and a
classifier for each run, to be used with experiments/predict.py. The same
command again reports what is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from engine.comparison import Comparison, compare_heads
from engine.experiment import main
from engine.head_options import REFERENCE, STEADY, HeadOptions
from engine.heads import HeadPlan
from engine.job import Job
from engine.options import option
from engine.run_folder import Result

from vggjax.data import Split
from vggjax.errors import DataError
from vggjax.model import Chain, softmax_head
from vggjax.model.heads import flat_width
from vggjax.report.reference import C1_VALIDATION_ACCURACY
from vggjax.training import FitConfig, layer_head, steady_rate

RECIPES = {REFERENCE: "features as they are", STEADY: "features standardised"}


@dataclass(frozen=True, kw_only=True)
class FewShotOptions(HeadOptions):
    """Where the head stands, and how it learns."""

    group: ClassVar[str] = "head"
    rank: ClassVar[int] = 1

    layer: str = option("fc2", "the last frozen layer", metavar="LAYER")
    recipe: str | None = option(
        None, "see above (default: steady; on the reference's data sets, and the demo set, "
        "reference)", choices=tuple(RECIPES),
    )  # fmt: skip
    lr: float | None = option(
        None, "learning rate of RMSprop (default: that of the recipe)", metavar="RATE"
    )
    end_to_end: bool = option(False, "run the whole network in every training step")

    def __post_init__(self) -> None:
        super().__post_init__()
        for flag in ("end_to_end", "as_its_code"):
            if getattr(self, flag) and self.recipe == STEADY:
                raise DataError(f"--{flag.replace('_', '-')} means --recipe {REFERENCE}.")

    def resolved(self, reference: bool) -> Self:
        """As for all heads, and the recipe."""
        plain = reference or self.as_its_code or self.end_to_end
        recipe = self.recipe or (REFERENCE if plain else STEADY)
        return replace(super().resolved(reference), recipe=recipe)

    def fit_config(self, seed: int, rate: float | None = None) -> FitConfig:
        """As for all heads; images are evaluated in batches as small as those of training."""
        config = super().fit_config(seed, rate)
        return replace(config, evaluation_batch=None) if self.end_to_end else config


def plans(job: Job[FewShotOptions]) -> list[HeadPlan]:
    """One head for each number of images and seed, each from scratch."""
    sizes = sorted(set(job.options.samples))
    return [plan(job, split, samples) for split in job.splits for samples in sizes]


def plan(job: Job[FewShotOptions], split: Split, samples: int) -> HeadPlan:
    """A softmax layer on `samples` images per class."""
    options, layer = job.options, job.options.layer
    shape, steady = job.feature_shape(layer), job.options.recipe == STEADY
    rate = steady_rate(flat_width(shape)) if steady and options.lr is None else None

    def make(features: Any) -> Chain:
        if not steady:
            return softmax_head(shape, job.classes, split.seed, start=options.head_start)
        return layer_head(
            features, job.classes, standardize=True, seed=split.seed, start=options.head_start
        )

    return HeadPlan(
        key={"samples": samples, "seed": split.seed},
        layer=layer,
        split=split,
        samples=samples,
        config=options.fit_config(split.seed, rate),
        make=make,
        end_to_end=options.end_to_end,
    )


def recipe_note(result: Result) -> list[str]:
    """Which recipe it was."""
    recipe = result["settings"]["recipe"]
    return [f"recipe {recipe}: {RECIPES[recipe]}; start {result['settings']['start']}"]


def few_shot(
    accuracies: Mapping[int, float], form: str, about: str, as_its_code: str = ""
) -> Comparison:
    """Heads by images per class, beside the reference's validation accuracies."""
    return Comparison(
        by={"samples": ("images per class", "{} per class")},
        measures=("test accuracy", "validation accuracy", "train accuracy", "test loss", "epochs"),
        about=about,
        details="validation accuracies, as its listings have the test switched off",
        accuracies=accuracies,
        measured="validation",
        as_its_code=as_its_code,
        form=form,
        findings=recipe_note,
    )


CALTECH = compare_heads(
    plans,
    few_shot(C1_VALIDATION_ACCURACY, "{:.4f}", "Caltech-256, ImageNet weights, Table 1"),
    name="caltech",
    rows="C1, C2, C3",
    title="a new head on fc2, few images per class",
    text="Accuracy should rise with the images per class, fast at first and then slowly; in "
    "training, loss falls fast in the first five epochs, and training ends above validation.",
    description=__doc__,
    options=FewShotOptions,
    layers=lambda options: [options.layer],
    reference_layers=("fc2",),
    captions={
        "accuracy.png": "C3: accuracy against images per class (Figure 3)",
        "history-seed0.png": "C2: loss and accuracy per epoch (Figures 1, 2)",
    },
)

if __name__ == "__main__":
    main(CALTECH)
