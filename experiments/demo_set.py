"""What the demo set looks like: a few images of each of its classes.

python experiments/demo_set.py --out figures/demo-set.png
"""

import vggjax.startup  # noqa: F401

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from engine.script import run_script

from vggjax.data import ImageArray, load_demo
from vggjax.report import image_grid, save_figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Render, and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--group", default="target", choices=("target", "source"))
    parser.add_argument("--images", type=int, default=6, help="images per class")
    parser.add_argument("--out", type=Path, default=Path("runs/demo-set.png"), metavar="FILE")
    options = parser.parse_args(arguments)
    dataset = load_demo(options.group)
    images = ImageArray(dataset, size=64, resize="nearest")
    rows = [
        images[np.flatnonzero(dataset.labels == label)[: options.images]]
        for label in range(len(dataset.class_names))
    ]
    title = f"The demo set's {len(rows)} {options.group} classes, rendered"
    save_figure(image_grid(rows, dataset.class_names, title, pairs=2), options.out)
    print(options.out)


if __name__ == "__main__":
    run_script(main)
