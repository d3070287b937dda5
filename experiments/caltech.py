"""A new softmax head on a frozen VGG16, at a few images per class (report rows C1, C2, C3).

    python experiments/caltech.py --samples 4
    python experiments/caltech.py --samples 2 4 8 16 32 --seed 0 1 2 3 4
    python experiments/caltech.py --samples 4 --data-dir my_photos

On Caltech-256 with ImageNet weights the report gives 0.4518, 0.5885, 0.6746, 0.7112 and 0.7321
test accuracy for 2, 4, 8, 16 and 32 images per class.

The output folder gets the figures, the history, the split, `result.json` and a classifier for each
run, to be used with experiments/predict.py. The same command again reports what is there.
"""

import argparse
from collections.abc import Sequence

from common import add_data_options, run
from few_shot import add_few_shot_options, run_few_shot
from few_shot_results import Experiment

from vggjax.data import load_dataset
from vggjax.report import C1_TEST_ACCURACY

CALTECH = Experiment(
    name="caltech",
    load=lambda options: load_dataset(options.dataset, options.data_dir),
    reported=C1_TEST_ACCURACY,
    reported_on="Caltech-256, ImageNet weights",
    source="Caltech-256, ImageNet weights, head on fc2 (Table 1)",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train one head for each number of samples and seed, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_few_shot_options(parser, out="runs/caltech")
    add_data_options(parser)
    run_few_shot(parser.parse_args(arguments), CALTECH)


if __name__ == "__main__":
    run(main)
