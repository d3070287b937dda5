"""A data set by its name, as the experiments' `--dataset` and `--data-dir` give it."""

from pathlib import Path

from vggjax.data.caltech256 import (
    caltech256_reachable,
    find_caltech256,
    load_caltech256,
    looks_like_caltech256,
)
from vggjax.data.dataset import Dataset
from vggjax.data.folder import load_folder
from vggjax.data.tfds import is_prepared_folder, load_tfds
from vggjax.data.urban_tribes import load_urban_tribes
from vggjax.errors import DataError

DATASET_NAMES = ("auto", "caltech256", "demo", "folder", "flat", "tfds:NAME")


def load_dataset(name: str = "auto", data_dir: Path | None = None) -> Dataset:
    """The data set called `name`, from `data_dir` if that is given.

    `caltech256`: see `load_caltech256`. `demo`: the rendered set. `folder`: the class-per-folder
    tree `data_dir`. `flat`: images `CLASS_anything` in `data_dir`, as Urban Tribes has them.
    `tfds:NAME` or `tfds:NAME@SPLIT`: see `load_tfds`. `auto`: whatever `data_dir` holds; without
    it, Caltech-256 if it is here or its address answers within 5 seconds, and the demo set
    otherwise. Only `auto` chooses; any other name never falls back.

    Raises DataError if the name is unknown or the set can't be loaded.
    """
    folder = None if data_dir is None else Path(data_dir)
    if name.startswith("tfds:"):
        dataset, _, split = name.removeprefix("tfds:").partition("@")
        return load_tfds(dataset, folder, split or None)
    if name == "caltech256":
        return load_caltech256(folder)
    if name == "folder":
        return load_folder(_required(folder, name))
    if name == "flat":
        return load_urban_tribes(_required(folder, name))
    if name == "demo":
        return _load_demo(folder)
    if name == "auto":
        return _load_anything() if folder is None else _load_any_folder(folder)
    raise DataError(f"Unknown data set {name!r}; choose one of {', '.join(DATASET_NAMES)}.")


def _load_anything() -> Dataset:
    if find_caltech256() or caltech256_reachable():
        return load_caltech256()
    return _load_demo()


def _load_any_folder(folder: Path) -> Dataset:
    if is_prepared_folder(folder):
        return load_tfds(str(folder))
    if looks_like_caltech256(folder):
        return load_caltech256(folder)
    return load_folder(folder)


def _load_demo(folder: Path | None = None) -> Dataset:
    from vggjax.data.demo import load_demo

    if folder is not None:
        raise DataError(f"The demo set is rendered, not read from {folder}; leave that folder out.")
    return load_demo()


def _required(folder: Path | None, name: str) -> Path:
    if folder is None:
        raise DataError(f"The data set '{name}' needs a folder of images (--data-dir).")
    return folder
