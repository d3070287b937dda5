"""Any image classification set of TensorFlow Datasets, read without TensorFlow."""

import difflib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from vggjax import download
from vggjax.data.dataset import Dataset
from vggjax.errors import DataError, one_line
from vggjax.quiet import quiet_tensorflow

# Asked before anything is fetched; each set has its own hosts, which only its script knows.
PROBE_URL = "https://www.tensorflow.org/datasets"
INFO = "dataset_info.json"
DEPTH = 4  # where TFDS keeps it: data_dir/NAME/config/version
TENSORFLOW = "tensorflow"  # TFDS opens archives, and encodes arrays as images, through it
_HOW_TO_PREPARE = "prepare it in the array_record format (`tfds build --file_format=array_record`)"


def load_tfds(name: str, data_dir: Path | None = None, split: str | None = None) -> Dataset:
    """A set of TensorFlow Datasets, or one that was prepared by it.

    `name` is `NAME`, `NAME/config` or `NAME/config:version`, looked for in `data_dir` (TFDS's own
    folder by default) and fetched into it if it isn't there; or `name` or `data_dir` is the folder
    of one prepared version, the one with a `dataset_info.json`. `split` is a TFDS split such as
    `train` or `test[:50%]`; by default all splits are joined. Ids are `split/number`. Images keep
    their encoded bytes; those without a label (−1) are left out.

    To prepare a set that isn't there, TFDS itself needs TensorFlow; to read a prepared one, not.

    Raises DataError if the name or split is unknown, the set isn't prepared and there is no
    TensorFlow or no network, it has no image or no class label, or it is prepared in a format that
    can't be read by position.
    """
    with _errors_named("TensorFlow Datasets can't be imported (", ")."):
        import tensorflow_datasets as tfds
    with quiet_tensorflow():
        builder = _prepared_builder(tfds, name, data_dir)
        image, label = _feature_keys(tfds, builder.info)
        sources = _sources(tfds, builder, split, image)
        ids, labels = _labels(sources, label, builder.info.full_name)
    class_label = builder.info.features[label]
    class_names = tuple(class_label.int2str(i) for i in range(class_label.num_classes))
    full_name = f"tfds:{builder.info.full_name}"
    unlabelled = sum(map(len, sources.values())) - len(ids)
    notes = (f"left out: {unlabelled:,} without a label",) if unlabelled else ()
    read = _Reader(full_name, sources, image)
    return Dataset(full_name, class_names, ids, labels, read, notes=notes)


def is_prepared_folder(path: Path) -> bool:
    """Whether `path` is the folder of one prepared version of a TFDS set."""
    return (path / INFO).is_file()


def prepared_folder(path: Path) -> Path | None:
    """The prepared version at `path` or some levels below it; None if there is none.

    Raises DataError if there are several.
    """
    for depth in range(DEPTH):
        found = sorted(info.parent for info in path.glob("*/" * depth + INFO))
        if len(found) > 1:
            names = ", ".join(each.relative_to(path).as_posix() for each in found[:5])
            raise DataError(
                f"{path} holds several sets prepared by TensorFlow Datasets; give the folder of "
                f"one: {names}{', …' * (len(found) > 5)}."
            )
        if found:
            return found[0]
    return None


@dataclass(frozen=True)
class _Reader:
    """Reads an image's bytes by its id, `split/number`."""

    dataset: str
    sources: dict[str, Any]
    image: str

    def __call__(self, name: str) -> bytes:
        split, _, number = name.rpartition("/")
        with _errors_named(f"Cannot read image {name} of {self.dataset} (", ")."):
            return self.sources[split][int(number)][self.image]


@contextmanager
def _errors_named(before: str, after: str = ".") -> Iterator[None]:
    """Whatever goes wrong, in TFDS, a set's own script or array_record, as a DataError."""
    try:
        yield
    except Exception as error:
        raise DataError(f"{before}{one_line(error)}{after}") from error


def _prepared_builder(tfds: Any, name: str, data_dir: Path | None) -> Any:
    for folder in (Path(name), data_dir):
        if folder is not None and is_prepared_folder(folder):
            return _from_folder(tfds, folder, name)
    builder = _named(tfds, name, data_dir)
    if not builder.is_prepared():
        builder = _named(tfds, name, data_dir, file_format="array_record")
        _prepare(tfds, builder, name)
    return builder


def _from_folder(tfds: Any, folder: Path, name: str) -> Any:
    with _errors_named(f"Cannot read the prepared data set in {folder} (", ")."):
        builder = tfds.builder_from_directory(str(folder))
    wanted = name.partition("/")[0].partition(":")[0]
    if folder != Path(name) and builder.name != wanted:
        raise DataError(f"The folder {folder} holds the data set {builder.name}, not {wanted}.")
    return builder


def _named(tfds: Any, name: str, data_dir: Path | None, **options: str) -> Any:
    try:
        return tfds.builder(name, data_dir=None if data_dir is None else str(data_dir), **options)
    except tfds.core.DatasetNotFoundError as error:
        raise DataError(
            f"TensorFlow Datasets has no data set named {name!r}{_suggestion(name)}."
        ) from error
    except Exception as error:  # unknown configs and versions come as AssertionError, ValueError, …
        reason = one_line(re.split(r'\}"?: ', str(error))[-1])
        raise DataError(f"TensorFlow Datasets can't open {name!r}: {reason}.") from error


def _suggestion(name: str) -> str:
    from tensorflow_datasets.core import registered

    close = difflib.get_close_matches(name, registered.list_imported_builders(), n=3)
    return f"; did you mean {' or '.join(close)}?"[:-1] if close else ""


def _prepare(tfds: Any, builder: Any, name: str) -> None:
    if find_spec(TENSORFLOW) is None:  # or it would be missed only after the download
        raise DataError(
            f"The data set {name} isn't prepared in {builder.data_path}, and TensorFlow Datasets "
            "needs TensorFlow to prepare one: `pip install tensorflow`, for this one time; or "
            f"{_HOW_TO_PREPARE} elsewhere and give its folder."
        )
    # Without this TFDS retries for minutes before it gives up.
    if not download.url_reachable(PROBE_URL):
        raise DataError(
            f"The data set {name} isn't prepared in {builder.data_path} and can't be fetched, "
            "because there is no network."
        )
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    advice = f"{_HOW_TO_PREPARE} where TensorFlow is installed and give its folder."
    with _errors_named(f"Preparing the data set {name} failed (", f"); {advice}"):
        builder.download_and_prepare()


def _feature_keys(tfds: Any, info: Any) -> tuple[str, str]:
    """The keys of the image and of its class: the supervised ones, or the first of each type."""
    features = dict(info.features) if isinstance(info.features, tfds.features.FeaturesDict) else {}
    kinds = {"image": tfds.features.Image, "class label": tfds.features.ClassLabel}
    found = []
    for kind, feature_type in kinds.items():
        keys = [key for key, feature in features.items() if type(feature) is feature_type]
        if not keys:
            raise DataError(f"The data set {info.full_name} has no {kind}; choose another.")
        supervised = [key for key in keys if key in (info.supervised_keys or ())]
        found.append((supervised or keys)[0])
    return found[0], found[1]


def _sources(tfds: Any, builder: Any, split: str | None, image: str) -> dict[str, Any]:
    splits = [split] if split else sorted(builder.info.splits)
    decoders = {image: tfds.decode.SkipDecoding()}
    try:
        return {part: builder.as_data_source(part, decoders=decoders) for part in splits}
    except NotImplementedError as error:
        raise DataError(
            f"The data set in {builder.data_path} is in the {builder.info.file_format.value} "
            f"format, which can't be read by position; {_HOW_TO_PREPARE}."
        ) from error
    except ImportError as error:
        raise DataError(
            f"The data set {builder.info.full_name} needs the package array-record, which can't be "
            f"imported here ({one_line(error)}); use a platform that has it."
        ) from error
    except Exception as error:  # unknown splits, missing shards
        raise DataError(f"Cannot read {builder.info.full_name}: {one_line(error)}.") from error


def _labels(
    sources: dict[str, Any], label: str, dataset: str
) -> tuple[tuple[str, ...], np.ndarray]:
    records = [(split, number) for split in sources for number in range(len(sources[split]))]
    labelled = {}
    with _errors_named(f"Cannot read {dataset}: "):  # files are opened only now
        for split, number in tqdm(records, desc="Reading labels", unit="image", disable=None):
            value = int(sources[split][number][label])
            if value >= 0:
                labelled[f"{split}/{number:06d}"] = value
    return tuple(labelled), np.fromiter(labelled.values(), np.int32, len(labelled))
