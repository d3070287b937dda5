"""A classifier from a few images per class, behind a frozen VGG16 (reference
rows C1, C2, C3).

    python experiments/caltech.py --samples 4
    python experiments/caltech.py --samples 2 4 8 16 32 --seeds 5
    python experiments/caltech.py --samples 4 --data-dir my_photos

On Caltech-256 with ImageNet weights the reference gives 0.4518, 0.5885,
0.6746, 0.7112 and 0.7321 for 2, 4, 8, 16 and 32 images per class, validation
accuracies. With no network, it runs on the demo set: 0.5742 (test) at 4 images
per class with the reference's head.

The heads:
  reference  a softmax on the features as they are, RMSprop at 0.001 (C1)
  steady     the same on standardised features, at 0.5 / number of features
  mean       the nearest class mean (SimpleShot)
  ridge      ridge regression, solved exactly
  logistic   logistic regression with an L2 penalty
  auto       the best of the last three, of the layers given with --layer and
             of the strengths, by validation images, never by test images
             (without logistic where that would take long; it says so)
Own photos get auto, on block5_pool; the reference's data, and the demo set that
stands in for them, get reference on fc2, and beside it auto on fc2 and
block5_pool. The last three see rows of length 1, and of maps each one's root
mean square beside it; probabilities are calibrated on validation images.

--views lets the solved heads look at each image several times, mirrored or
larger: in training these are more examples, and for a new image the mean of
their logits counts. --unfreeze block5 trains on, from each head, with the
convolutions of that block, and shows what came of it as `HEAD+block5`.

The output folder gets the figures, the split, `result.json`, the mistakes as
pictures and as tables, and a classifier for each run, to be used with
experiments/predict.py. The same command again reports what is there.
"""

import vggjax.startup  # noqa: F401

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from engine.comparison import Comparison, compare_heads
from engine.experiment import main
from engine.head_options import REFERENCE, STEADY, HeadOptions
from engine.heads import HeadPlan, LinearPlan, Plan, TunedPlan
from engine.job import Job
from engine.options import option

from vggjax.data import VIEWS, WHOLE, Split
from vggjax.errors import DataError
from vggjax.linear import KINDS
from vggjax.model import Chain, softmax_head
from vggjax.model.heads import flat_width
from vggjax.report.reference import C1_VALIDATION_ACCURACY
from vggjax.training import FitConfig, cut_before, layer_head, steady_rate

AUTO = "auto"
TRAINED = (REFERENCE, STEADY)  # in epochs, on the first of the layers
SOLVED = (*KINDS, AUTO)  # exactly, on all layers
REFERENCE_LAYERS, OWN_LAYERS = ("fc2", "block5_pool"), ("block5_pool",)


@dataclass(frozen=True, kw_only=True)
class FewShotOptions(HeadOptions):
    """Where the head stands, and how it learns."""

    group: ClassVar[str] = "head"
    rank: ClassVar[int] = 1

    layer: tuple[str, ...] = option(
        (), "the last frozen layer; of several, reference and steady take the first, the others "
        "what is best, alone or joined (default: block5_pool; on the reference's data sets, and "
        "the demo set, fc2 block5_pool)", metavar="LAYER",
    )  # fmt: skip
    head: tuple[str, ...] = option(
        (), "see above (default: auto; on the reference's data sets, and the demo set, reference "
        "auto)", choices=(*TRAINED, *SOLVED), metavar="HEAD",
    )  # fmt: skip
    lr: float | None = option(
        None, "learning rate of RMSprop (default: that of the recipe)", metavar="RATE"
    )
    views: tuple[str, ...] = option(
        (), "how the solved heads look at each image beside as it is (see above; default: not)",
        choices=[name for name in VIEWS if name != WHOLE], metavar="VIEW",
    )  # fmt: skip
    unfreeze: str | None = option(
        None, "from each head, train on with the network from this block or layer on, such as "
        "block5 (see above; default: don't)", metavar="BLOCK",
    )  # fmt: skip
    end_to_end: bool = option(False, "run the whole network in every training step")

    def __post_init__(self) -> None:
        super().__post_init__()
        for flag in ("end_to_end", "as_its_code"):
            if getattr(self, flag) and {*self.head} - {REFERENCE}:
                raise DataError(f"--{flag.replace('_', '-')} means --head {REFERENCE}.")
        self._check_views_and_unfreeze()

    def _check_views_and_unfreeze(self) -> None:
        """Raise DataError for what doesn't go with them."""
        if self.views and (self.end_to_end or self.as_its_code or not self.solved):
            raise DataError(f"--views is for the heads {', '.join(SOLVED)}.")
        if not self.unfreeze:
            return
        if self.precision != "float32":
            raise DataError("--unfreeze trains convolutions, which takes --precision float32.")
        if self.end_to_end or self.as_its_code or self.views:
            raise DataError("--unfreeze doesn't go with --end-to-end, --as-its-code or --views.")
        if len({*self.layer}) > 1:
            raise DataError("--unfreeze takes heads on a single --layer.")

    @property
    def solved(self) -> bool:
        """Whether there are heads that are solved exactly (True while that is open)."""
        return not self.head or bool({*self.head} & {*SOLVED})

    def resolved(self, reference: bool) -> Self:
        """As for all heads, and which, on which layers."""
        plain = self.as_its_code or self.end_to_end
        usual = (REFERENCE,) if plain else (REFERENCE, AUTO) if reference else (AUTO,)
        heads = tuple(dict.fromkeys(self.head or usual))
        places = REFERENCE_LAYERS if reference or plain else OWN_LAYERS
        layers = tuple(dict.fromkeys(self.layer or places))
        if self.unfreeze or not {*heads} & {*SOLVED}:
            layers = layers[:1]
        return replace(super().resolved(reference), head=heads, layer=layers)

    def fit_config(self, seed: int, rate: float | None = None) -> FitConfig:
        """As for all heads; images are evaluated in batches as small as those of training."""
        config = super().fit_config(seed, rate)
        return replace(config, evaluation_batch=None) if self.end_to_end else config


def plans(job: Job[FewShotOptions]) -> list[Plan]:
    """One head for each kind, number of images and seed, each from scratch; then tuned."""
    sizes = sorted(set(job.options.samples))
    return [
        each
        for split in job.splits
        for samples in sizes
        for head in job.options.head
        for each in plans_of(job, split, samples, head)
    ]


def plans_of(job: Job[FewShotOptions], split: Split, samples: int, head: str) -> list[Plan]:
    """A head on `samples` images per class, and what it is tuned to, if it is."""
    options, key = job.options, {"samples": samples, "head": head, "seed": split.seed}
    if head in TRAINED:
        found: list[Plan] = [softmax_plan(job, split, samples, key)]
    else:
        kinds, views = tuple(KINDS) if head == AUTO else (head,), (WHOLE, *options.views)
        found = [LinearPlan(key, options.layer, split, samples, kinds, views)]
    if options.unfreeze:
        key = {**key, "head": f"{head}+{options.unfreeze}"}
        frozen, _ = cut_before(job.chain, options.unfreeze)
        found.append(TunedPlan(key, frozen.names[-1], split, samples, options.unfreeze))
    return found


def softmax_plan(
    job: Job[FewShotOptions], split: Split, samples: int, key: Mapping[str, Any]
) -> HeadPlan:
    """A softmax layer that is trained in epochs."""
    options, layer, steady = job.options, job.options.layer[0], key["head"] == STEADY
    shape = job.feature_shape(layer)
    rate = steady_rate(flat_width(shape)) if steady and options.lr is None else None

    def make(features: Any) -> Chain:
        if not steady:
            return softmax_head(shape, job.classes, split.seed, start=options.head_start)
        return layer_head(
            features, job.classes, standardize=True, seed=split.seed, start=options.head_start
        )

    return HeadPlan(
        key=key,
        layer=layer,
        split=split,
        samples=samples,
        config=options.fit_config(split.seed, rate),
        make=make,
        end_to_end=options.end_to_end,
    )


def few_shot(
    accuracies: Mapping[int, float], form: str, about: str, as_its_code: str = ""
) -> Comparison:
    """Heads by images per class, beside the reference's validation accuracies."""
    return Comparison(
        by={"samples": ("images per class", "{} per class"), "head": ("head", "{}")},
        curves=True,
        theirs=REFERENCE,
        measures=("test accuracy", "class mean", "ECE", "test loss"),
        about=about,
        details="validation accuracies, as its listings have the test switched off",
        accuracies=accuracies,
        measured="validation",
        as_its_code=as_its_code,
        form=form,
    )


CALTECH = compare_heads(
    plans,
    few_shot(C1_VALIDATION_ACCURACY, "{:.4f}", "Caltech-256, ImageNet weights, Table 1"),
    name="caltech",
    rows="C1, C2, C3",
    title="a new head, few images per class",
    text="Accuracy should rise with the images per class, fast at first and then slowly; in "
    "training, loss falls fast in the first five epochs, and training ends above validation.",
    description=__doc__,
    options=FewShotOptions,
    layers=lambda options: options.layer,
    reference_layers=("fc2",),
    captions={
        "accuracy.png": "C3: accuracy against images per class (Figure 3)",
        "history-seed0.png": "C2: loss and accuracy per epoch (Figures 1, 2)",
    },
)

if __name__ == "__main__":
    main(CALTECH)
