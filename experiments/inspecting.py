"""What the scripts that look inside share: weights without a data set, images from anywhere."""

import argparse
from functools import partial
from pathlib import Path

import numpy as np

from vggjax.data import IMAGE_SUFFIXES, Dataset, decode_image, load_demo
from vggjax.errors import DataError
from vggjax.files import cache_folder
from vggjax.network import url_reachable
from vggjax.weights import Weights, load_weights
from vggjax.weights.sources import REMOTES
from vggjax.weights.store import is_store

DEMO_WEIGHTS_BANNER = """\
==============================================================================
  DEMO   The ImageNet weights are not here and could not be fetched, so this
  DEMO   shows the demo network, trained on rendered images of simple shapes.
  DEMO   For your own: --weights FILE.
==============================================================================
"""


def weights_or_demo(name: str | None, until: str) -> Weights:
    """The weights called `name` until a layer; if none are named, ImageNet's or else the demo's."""
    if name is None and not _imagenet_is_there():
        print(DEMO_WEIGHTS_BANNER, flush=True)
        name = "demo"
    return load_weights(name or "imagenet", until)


def weights_title(weights: Weights) -> str:
    """The weights in words, for figures."""
    return "DEMO weights" if weights.info.name == "demo" else f"{weights.info.name} weights"


def images_below(place: str) -> Dataset:
    """All images in a folder and its sub-folders, or the demo set, as one unlabelled class.

    Raises DataError if the folder is missing or has no images.
    """
    if place == "demo":
        return load_demo()
    folder = Path(place)
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}; give one with images, or 'demo'.")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    ids = tuple(path.relative_to(folder).as_posix() for path in files if path.is_file())
    if not ids:
        raise DataError(f"There are no images in {folder} and its sub-folders.")
    labels = np.zeros(len(ids), np.int32)
    return Dataset(folder.resolve().name, ("images",), ids, labels, partial(_read, folder))


def decoded(files: list[Path], size: int, resize: str) -> np.ndarray:
    """Image files as uint8 RGB (n, size, size, 3); DataError names one that is none."""
    return np.stack([decode_image(file, size, resize) for file in files])


def add_weights_option(parser: argparse.ArgumentParser) -> None:
    """`--weights`, for scripts without a data set."""
    parser.add_argument(
        "--weights",
        metavar="NAME",
        help="imagenet, imagenet-torch, demo, random, or a file or folder of weights "
        "(default: imagenet if they are here or can be fetched, else demo)",
    )


def _read(folder: Path, name: str) -> bytes:
    return (folder / name).read_bytes()


def _imagenet_is_there() -> bool:
    stored = is_store(cache_folder() / "weights" / "imagenet")
    return stored or url_reachable(REMOTES["imagenet"].url)
