"""A new head on a frozen VGG16 for photos in one flat folder: Urban Tribes (report rows U1, U2).

    python experiments/urban_tribes.py --data-dir urban_tribes
    python experiments/urban_tribes.py --data-dir urban_tribes --report-split
    python experiments/urban_tribes.py            # no folder: the demo set

A file's class is its name up to the first `_`, such as `biker_group-pic00001.jpg`. On Urban Tribes
with ImageNet weights the report gives about 50 % at 16 or 32 images per class.

Of each class 16 images validate and 16 others test, so that early stopping never sees the test
images; every number of training images starts anew. The report instead let the same 32 images do
both: `--report-split` does that, in the sub-folder report-split, and every result says so.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common import add_network_options, demo_banner, run
from few_shot import add_few_shot_options, run_few_shot
from few_shot_results import Experiment

from vggjax.data import Dataset, load_urban_tribes, make_report_split
from vggjax.data.demo import load_demo
from vggjax.report import U1_TEST_ACCURACY

CLASSES = 11
SAMPLES = (2, 4, 8, 16, 32)
BANNER = demo_banner(
    "No folder is given, and Urban Tribes has no known download: this runs on",
    f"{CLASSES} classes of the rendered demo set, which say nothing about photographs.",
    "For your own: --data-dir FOLDER, images named CLASS_anything, flat in it.",
)


def load(options: argparse.Namespace) -> Dataset:
    """The flat folder, or without one as many classes of the demo set as Urban Tribes has."""
    if options.data_dir is not None:
        return load_urban_tribes(options.data_dir)
    demo = load_demo()
    count = int((demo.labels < CLASSES).sum())  # the images are in the order of their classes
    return replace(
        demo,
        class_names=demo.class_names[:CLASSES],
        ids=demo.ids[:count],
        labels=demo.labels[:count],
    )


URBAN_TRIBES = Experiment(
    name="urban_tribes",
    load=load,
    reported=U1_TEST_ACCURACY,
    reported_on="Urban Tribes, ImageNet weights",
    reported_form="about {:.2f}",
    source="Urban Tribes, ImageNet weights; there the validation set is the test set",
    banner=BANNER,
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train one head for each number of samples and seed, and report."""
    options = parse(arguments)
    experiment = URBAN_TRIBES
    if options.report_split:
        options.val = options.test = options.val + options.test
        options.out /= "report-split"
        experiment = replace(
            experiment, make_split=make_report_split, mark=" (validation = test, as in the report)"
        )
    run_few_shot(options, experiment)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options; the defaults are the report's recipe."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    recipe = {"batch_size": 11, "epochs": 100, "patience": 3, "samples": list(SAMPLES)}
    add_few_shot_options(parser, "runs/urban_tribes", val=16, test=16, **recipe)
    group = parser.add_argument_group("data and weights")
    group.add_argument(
        "--data-dir", type=Path, metavar="FOLDER", help="images named CLASS_anything, flat in it"
    )
    group.add_argument(
        "--report-split",
        action="store_true",
        help="as the report: the same images (val + test of each class) validate and test",
    )
    add_network_options(group)
    parser.set_defaults(dataset="auto")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run(main)
