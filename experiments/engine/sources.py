"""Where an experiment's images and weights come from, and what stands in for them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.options import DataOptions
from vggjax.data import Dataset, load_dataset, load_demo, scan_below
from vggjax.data.folder import FolderReader
from vggjax.errors import DataError
from vggjax.weights.remote import obtainable

RULE = "=" * 78


def banner(*lines: str) -> str:
    """What is printed first where the demo stands in for the real thing."""
    return "\n".join([RULE, *(f"  DEMO   {line}" for line in lines), RULE, ""])


DEMO_SET = banner(
    "Caltech-256 is not here and could not be fetched, so this runs on the",
    "rendered demo set. Its numbers say nothing about photographs.",
    "For your own: --data-dir FOLDER, with one sub-folder per class.",
)
DEMO_WEIGHTS = banner(
    "The ImageNet weights are not here and could not be fetched, so this",
    "shows the demo network, trained on rendered images of simple shapes.",
    "For your own: --weights FILE.",
)


def load_images(options: DataOptions) -> tuple[Dataset, str]:
    """The data set that the options name, and the weights that go with it by default."""
    dataset = load_dataset(options.dataset, options.data_dir)
    if dataset.demo and options.dataset == "auto":
        print(DEMO_SET, flush=True)
    return dataset, "demo" if dataset.demo else "imagenet"


def imagenet_or_demo(weights: str | None) -> str:
    """`weights` if they are named; else ImageNet's if they are here or can be fetched, or demo.

    For what looks at convolutions and pooling layers: the dense layers need not be there.
    """
    if weights is not None:
        return weights
    if obtainable("imagenet", "block5_pool"):
        return "imagenet"
    print(DEMO_WEIGHTS, flush=True)
    return "demo"


def given_images(files: Sequence[Path]) -> Dataset:
    """Some image files as one unlabelled class; DataError if one is missing."""
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise DataError(f"There is no image file {missing[0]}.")
    paths = {f"{number}/{file.name}": file for number, file in enumerate(files)}
    return _unlabelled("given images", list(paths), lambda name: paths[name].read_bytes())


def images_at(place: str) -> Dataset:
    """All images in a folder and its sub-folders, or the demo set, as one unlabelled class.

    Raises DataError if the folder is missing or has no images.
    """
    if place == "demo":
        return load_demo()
    folder = Path(place)
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}; give one with images, or 'demo'.")
    paths, notes = scan_below(folder)
    ids = [path.relative_to(folder).as_posix() for path in paths]
    found = _unlabelled(folder.resolve().name, ids, FolderReader(folder))
    return replace(found, notes=tuple(notes))


def _unlabelled(name: str, ids: Sequence[str], read: Callable[[str], bytes]) -> Dataset:
    return Dataset(name, ("images",), tuple(ids), np.zeros(len(ids), np.int32), read)
