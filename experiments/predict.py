"""What a saved classifier sees in photos.

    python experiments/predict.py runs/caltech/demo-fc2/classifier-4-seed0 photo.jpg

The classifier folders are written by caltech.py, urban_tribes.py and temperature.py,
by layers.py with --classifiers, or by `Classifier.save`.
"""

import argparse
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from engine.script import run_script

from vggjax.errors import DataError
from vggjax.training import Classifier


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the classifier and its backbone, and print the likeliest classes of each photo."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("classifier", type=Path, metavar="FOLDER", help="a saved classifier")
    parser.add_argument("photos", type=Path, nargs="+", metavar="PHOTO", help="image files")
    parser.add_argument("--top", type=int, default=3, help="how many classes to print")
    parser.add_argument(
        "--weights", metavar="NAME", help="the backbone's, if they are elsewhere than in training"
    )
    options = parser.parse_args(arguments)
    if options.top < 1:
        raise DataError(f"At least one class has to be printed, not {options.top}.")
    classifier = Classifier.load(options.classifier, options.weights)
    width = max(len(str(photo)) for photo in options.photos)
    predictions = classifier.predict(options.photos)
    for photo, classes in zip(options.photos, predictions, strict=True):
        best = islice(classes.items(), options.top)
        text = "   ".join(f"{name} {probability:6.1%}" for name, probability in best)
        print(f"{photo!s:<{width}}  {text}")


if __name__ == "__main__":
    run_script(main)
