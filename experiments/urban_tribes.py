"""A new head on a frozen VGG16 for photos in one flat folder: Urban Tribes
(reference rows U1, U2).

    python experiments/urban_tribes.py --data-dir urban_tribes
    python experiments/urban_tribes.py --data-dir urban_tribes --reference-split
    python experiments/urban_tribes.py            # no folder: the demo set

A file's class is its name up to the first `_`, such as `biker_group-
pic00001.jpg`. On Urban Tribes with ImageNet weights the reference gives about
50 % at 16 or 32 images per class.

Of each class 16 images validate and 16 others test, so that early stopping
never sees the test images; every number of training images starts anew. The
reference instead let the same 32 images do both: `--reference-split` does
that, and every result says so. `--as-its-code` goes on training one head
through all numbers of images, too: its weights are carried over, RMSprop's
averages (which forget within some ten steps) start anew.
"""

import vggjax.startup  # noqa: F401

from dataclasses import dataclass, replace
from typing import ClassVar

import caltech
import numpy as np
from caltech import FewShotOptions, few_shot
from engine.comparison import compare_heads
from engine.experiment import main
from engine.heads import HeadPlan, Plan
from engine.job import Job
from engine.options import other_default
from engine.sources import banner, load_images

from vggjax.data import Dataset, load_demo, load_flat_folder
from vggjax.report.reference import U1_VALIDATION_ACCURACY, URBAN_TRIBES

BANNER = banner(
    "No folder is given, and Urban Tribes has no known download: this runs on",
    f"{len(URBAN_TRIBES)} classes of the rendered demo set, which say nothing about photographs.",
    "For your own: --data-dir FOLDER, images named CLASS_anything, flat in it.",
)


@dataclass(frozen=True, kw_only=True)
class TribesOptions(FewShotOptions):
    """The reference's recipe (U1)."""

    code_joins: ClassVar[bool] = True

    samples: tuple[int, ...] = other_default(FewShotOptions, "samples", (2, 4, 8, 16, 32))
    val: int = other_default(FewShotOptions, "val", 16)
    test: int = other_default(FewShotOptions, "test", 16)
    batch_size: int = other_default(FewShotOptions, "batch_size", 11)
    epochs: int = other_default(FewShotOptions, "epochs", 100)
    patience: int | None = other_default(FewShotOptions, "patience", 3)


def plans(job: Job[FewShotOptions]) -> list[Plan]:
    """The same heads as there; but its code had one that went on and on."""
    own, least = caltech.plans(job), min(job.options.samples)
    if not job.options.as_its_code:
        return own
    trained = [plan for plan in own if isinstance(plan, HeadPlan)]
    return [replace(plan, goes_on=plan.samples > least) for plan in trained]


def load(options: TribesOptions) -> tuple[Dataset, str]:
    """The flat folder, or without one as many classes of the demo set as Urban Tribes has."""
    if options.data_dir is not None and options.dataset == "auto":
        return load_flat_folder(options.data_dir), "imagenet"
    if options.dataset != "auto":
        return load_images(options)
    print(BANNER, flush=True)
    demo = load_demo()
    chosen = demo.subset(np.flatnonzero(demo.labels < len(URBAN_TRIBES)))
    return replace(chosen, class_names=demo.class_names[: len(URBAN_TRIBES)]), "demo"


TRIBES = compare_heads(
    plans,
    few_shot(
        U1_VALIDATION_ACCURACY,
        "about {:.2f}",
        "Urban Tribes, ImageNet weights",
        "one head for all numbers of images, RMSprop's averages anew for each",
    ),
    name="urban_tribes",
    rows="U1, U2",
    title="eleven classes in a flat folder",
    text="About half should be right at 16 or 32 images per class; validation loss flattens "
    "early while training accuracy nears 1. Validation and test images are kept apart here.",
    description=__doc__,
    options=TribesOptions,
    layers=lambda options: options.layer,
    reference_layers=("fc2",),
    load=load,
    captions={
        "accuracy.png": "U2: accuracy against images per class (Figure 20)",
        "history-seed0.png": "U2: loss and accuracy per epoch (Figures 10 to 19)",
    },
)

if __name__ == "__main__":
    main(TRIBES)
