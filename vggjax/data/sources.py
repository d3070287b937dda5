"""A data set by its name, as the experiments' `--dataset` and `--data-dir` give it."""

from collections.abc import Callable
from pathlib import Path

from vggjax import download
from vggjax.data.caltech256 import URL, find_caltech256, load_caltech256, looks_like_caltech256
from vggjax.data.dataset import Dataset
from vggjax.data.flat_folder import load_flat_folder
from vggjax.data.folder import load_folder
from vggjax.data.tfds import load_tfds, prepared_folder
from vggjax.errors import DataError


def load_dataset(name: str = "auto", data_dir: Path | None = None) -> Dataset:
    """The data set called `name`, from `data_dir` if that is given.

    `caltech256`: see `load_caltech256`. `demo`: the rendered set. `folder`: the class-per-folder
    tree `data_dir`. `flat`: images `CLASS_anything` in `data_dir`, as Urban Tribes has them.
    `tfds:NAME` or `tfds:NAME@SPLIT`: see `load_tfds`. `auto`: whatever `data_dir` holds; without
    it, Caltech-256 if it is here or its address answers (see `vggjax.download.url_reachable`), and
    the demo set otherwise. Only `auto` chooses; any other name never falls back.

    Raises DataError if the name is unknown or the set can't be loaded.
    """
    folder = None if data_dir is None else Path(data_dir)
    if name.startswith("tfds:"):
        dataset, _, split = name.removeprefix("tfds:").partition("@")
        return load_tfds(dataset, folder, split or None)
    if name not in NAMED:
        raise DataError(f"Unknown data set {name!r}; choose one of {', '.join(DATASET_NAMES)}.")
    return NAMED[name](folder)


def load_demo(group: str = "target", per_class: int = 80) -> Dataset:
    """The rendered demo set: see `vggjax.demo.demo_folder`, also for the errors.

    The group `target` has 32 classes to experiment on, `source` another 96 to pretrain on.

    >>> from vggjax.data import load_demo
    >>> load_demo(per_class=4).class_names[:2]
    ('001.dotted-pentagon-beside-shaded-spiral', '002.pentagon-beside-shaded-spiral')
    """
    from vggjax.demo import demo_folder

    name = "demo" if group == "target" else f"demo-{group}"
    return load_folder(demo_folder(group, per_class), name=name, demo=True)


def _load_auto(folder: Path | None) -> Dataset:
    if folder is None:
        here = find_caltech256() or download.url_reachable(URL)
        return load_caltech256() if here else load_demo()
    if prepared := prepared_folder(folder):
        return load_tfds(str(prepared))
    if looks_like_caltech256(folder):
        return load_caltech256(folder)
    return load_folder(folder)


def _load_demo(folder: Path | None) -> Dataset:
    if folder is not None:
        raise DataError(f"The demo set is rendered, not read from {folder}; leave that folder out.")
    return load_demo()


def _required(folder: Path | None) -> Path:
    if folder is None:
        raise DataError("This data set needs a folder of images (--data-dir).")
    return folder


NAMED: dict[str, Callable[[Path | None], Dataset]] = {
    "auto": _load_auto,
    "caltech256": load_caltech256,
    "demo": _load_demo,
    "folder": lambda folder: load_folder(_required(folder)),
    "flat": lambda folder: load_flat_folder(_required(folder)),
}
DATASET_NAMES = (*NAMED, "tfds:NAME")
