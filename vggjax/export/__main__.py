"""A saved classifier as a file that runs without this library.

    python -m vggjax.export CLASSIFIER model.onnx
    python -m vggjax.export CLASSIFIER model.jax

The ending says which: .onnx for ONNX, .jax for JAX's own format (StableHLO).
Both take images (B, side, side, 3), uint8 RGB, any number B of them, and give
the probabilities (B, classes) that `python -m vggjax.predict` prints.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from vggjax.command import add_classifier, finish
from vggjax.errors import DataError
from vggjax.export import export_jax, export_onnx
from vggjax.files import require_writable
from vggjax.imagenet import classifier_called

FORMATS = {".onnx": export_onnx, ".jax": export_jax}


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the classifier and write the file; raises VggjaxError for what the user can mend."""
    parser = argparse.ArgumentParser(
        prog="python -m vggjax.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add_classifier(parser)
    add("file", type=Path, metavar="FILE", help="what to write, ending in .onnx or .jax")
    options = parser.parse_args(arguments)
    if options.file.suffix not in FORMATS:
        raise DataError(f"The file to write ends in {' or '.join(FORMATS)}, not {options.file}.")
    require_writable(options.file)
    classifier = classifier_called(options.classifier, options.weights)
    FORMATS[options.file.suffix](classifier, options.file)
    side = classifier.image_size
    print(f"{options.file}: images (B, {side}, {side}, 3) uint8 → {len(classifier.class_names)}")


if __name__ == "__main__":
    sys.exit(finish(main, None))
