"""Where a saved classifier looked: heat maps over photos (Grad-CAM).

    python experiments/explain.py CLASSIFIER photo.jpg more_photos
    python experiments/explain.py CLASSIFIER photo.jpg --class bees --out why.png

Bright is what speaks for the class: the likeliest one, or that of --class.
Works on every saved classifier. gradcam averages over positions and is easy to
read; hirescam shows exactly what the logit of a linear head is the sum of.
"""

import vggjax.startup  # noqa: F401

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from engine.script import run_script

from vggjax.command import add_classifier, open_cache
from vggjax.errors import DataError, visible
from vggjax.files import atomic_file, require_writable
from vggjax.imagenet import classifier_called
from vggjax.inspect import explained_layer, grad_cam
from vggjax.predict import all_images
from vggjax.report.heatmaps import heatmap_figure
from vggjax.training.photos import gather

MOST = 24  # photos in a picture


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add_classifier(parser)
    add("photos", type=Path, nargs="+", metavar="PHOTO", help="image files, or folders of them")
    add("--class", dest="name", metavar="NAME", help="the class to explain (default: the guess)")
    add("--method", choices=("gradcam", "hirescam"), default="gradcam",
        help="see above (default: gradcam)")  # fmt: skip
    add("--out", type=Path, default=Path("explanation.png"), metavar="FILE",
        help="the picture (default: explanation.png)")  # fmt: skip
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Explain what the classifier says of some photos, in one picture."""
    options = parse(arguments)
    open_cache()
    require_writable(options.out)
    photos = gather(all_images(options.photos))
    if len(photos) > MOST:
        raise DataError(f"A picture has room for {MOST} photos, not {len(photos)}; give fewer.")
    classifier = classifier_called(options.classifier, options.weights)
    names = classifier.class_names
    if options.name is not None and options.name not in names:
        raise DataError(f"There is no class {options.name!r}; there are {', '.join(names)}.")
    images = photos.decoded(classifier.image_size, classifier.resize)
    told = [each for batch in classifier.predictions(photos) for each in batch]
    chosen = [options.name or one.name for one in told]
    classes = np.array([names.index(name) for name in chosen])
    maps = grad_cam(classifier.backbone, classifier.head, images, classes, options.method)
    labels = [f"{name} {one[name]:.0%}" for name, one in zip(chosen, told, strict=True)]
    layer = explained_layer(classifier.backbone, classifier.head)
    note = f"bright: what speaks for the class, at {layer} ({options.method})"
    figure = heatmap_figure(images, maps, labels, note)
    with atomic_file(options.out) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
    for name, label in zip(photos.names, labels, strict=True):
        print(visible(f"{name}  {label}"))
    print(f"{options.out} written")


if __name__ == "__main__":
    run_script(main)
