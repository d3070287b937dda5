import io
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vggjax.download
from vggjax.data import load_dataset
from vggjax.data.image_array import ImageArray
from vggjax.data.tfds import is_prepared_folder, load_tfds, prepared_folder
from vggjax.errors import DataError
from vggjax.quiet import quiet_tensorflow

tfds = pytest.importorskip("tensorflow_datasets")
pytest.importorskip("array_record.python.array_record_data_source")


def png(red: int) -> io.BytesIO:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), (red, 0, 0)).save(buffer, "PNG")
    buffer.seek(0)
    return buffer


def builder_class(features: dict, supervised_keys=None):
    """A data set of 6 train and 4 test images whose red channel counts from 0 and from 100."""

    class Tiny(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        __module__ = "tiny"  # of a dotted name TFDS would look for the package
        VERSION = tfds.core.Version("1.0.0")
        pkg_dir_path = Path(__file__).parent

        def _info(self):
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(features),
                supervised_keys=supervised_keys,
                disable_shuffling=True,
            )

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(6, 0), "test": self._generate_examples(4, 100)}

        def _generate_examples(self, count, first):
            values = {"image": png, "label": lambda red: (red % 3) - 1, "coarse": lambda red: 0}
            for number in range(count):
                yield number, {key: values[key](first + number) for key in features}

    return Tiny


LABEL = {"label": tfds.features.ClassLabel(names=["cat", "dog"])}
IMAGE = {"image": tfds.features.Image(shape=(None, None, 3))}


def prepare(folder: Path, features: dict | None = None, **options) -> Path:
    with quiet_tensorflow():
        tfds.disable_progress_bar()
        made = builder_class(features or {**IMAGE, **LABEL}, **options)(
            data_dir=str(folder), file_format="array_record"
        )
        made.download_and_prepare()
        return Path(made.data_path)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    return prepare(tmp_path_factory.mktemp("tfds"))


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setattr(vggjax.download, "url_reachable", lambda *_, **__: False)


def test_prepared_folder(prepared):
    dataset = load_tfds(str(prepared))
    assert is_prepared_folder(prepared)
    assert not is_prepared_folder(prepared.parent)
    assert (dataset.name, dataset.demo) == ("tfds:tiny/1.0.0", False)
    assert dataset.class_names == ("cat", "dog")
    # Labels are −1, 0, 1, …: unlabelled images are left out, the others keep their numbers.
    assert dataset.ids[:3] == ("test/000000", "test/000001", "test/000003")
    assert dataset.ids[3:] == ("train/000001", "train/000002", "train/000004", "train/000005")
    np.testing.assert_array_equal(dataset.labels, [0, 1, 0, 0, 1, 0, 1])
    assert dataset.labels.dtype == np.int32
    assert dataset.notes == ("left out: 3 without a label",)
    assert dataset.read("test/000003") == png(103).getvalue()


@pytest.mark.parametrize(
    ("name", "split", "count"),
    [("tiny", None, 7), ("tiny:1.0.0", "train", 4), ("tiny", "test[:50%]", 2)],
)
def test_by_name_in_a_folder(prepared, name, split, count):
    dataset = load_tfds(name, prepared.parents[1], split)
    assert len(dataset) == count
    expected = split or "test"
    assert dataset.ids[0].rpartition("/")[0] == expected
    assert dataset.read(dataset.ids[0]).startswith(b"\x89PNG")


def test_a_folder_some_levels_above_a_prepared_version(prepared, tmp_path):
    for folder in (prepared, prepared.parent, prepared.parent.parent):
        assert len(load_dataset("auto", folder)) == 7
    assert prepared_folder(tmp_path / "nowhere") is None
    for version in ("1.0.0", "2.0.0"):
        (tmp_path / "set" / version).mkdir(parents=True)
        (tmp_path / "set" / version / "dataset_info.json").write_text("{}")
    with pytest.raises(DataError, match=r"holds several sets .*: set/1\.0\.0, set/2\.0\.0\."):
        load_dataset("auto", tmp_path)


def test_prepared_version_as_data_dir(prepared):
    assert len(load_tfds("tiny", prepared)) == 7
    with pytest.raises(DataError, match="holds the data set tiny, not beans"):
        load_tfds("beans/x:1.0.0", prepared)


def test_read_by_threads(prepared):
    dataset = load_tfds(str(prepared))
    images = ImageArray(dataset, size=4, threads=4)
    expected = [100, 101, 103, 1, 2, 4, 5]
    with ThreadPoolExecutor(4) as pool:
        for batch in pool.map(lambda _: images[:], range(20)):
            assert batch[:, 0, 0, 0].tolist() == expected


def test_read_of_an_unknown_id(prepared):
    dataset = load_tfds(str(prepared))
    for name in ("train/000099", "nosplit/000000", "nonsense"):
        with pytest.raises(DataError, match=f"Cannot read image {name} of tfds:tiny"):
            dataset.read(name)
    assert "Unknown split 'nosplit'" in message("tiny", prepared.parents[1], "nosplit")


def message(*given) -> str:
    with pytest.raises(DataError) as caught:
        load_tfds(*given)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mnst", "no data set named 'mnst'; did you mean .*mnist"),
        ("qqqqzzzz", r"no data set named 'qqqqzzzz'\.$"),
        ("beans:9.9.9", r"at version 9\.9"),
        ("beans/nosuch", "nosuch"),
        ("a b!!", "can't open 'a b!!'"),
        ("foo:bar", "no data set named 'foo:bar'"),
    ],
)
def test_unknown_names(tmp_path, name, text):
    assert re.search(text, message(name, tmp_path))


def test_what_a_set_fetches_is_known():
    """TFDS itself, not replaced: it imports a package that it doesn't declare."""
    (url,) = tfds.builder_cls("cifar10").url_infos
    assert url.endswith("cifar-10-binary.tar.gz")


def test_no_tensorflow(tmp_path, monkeypatch):
    monkeypatch.setattr("vggjax.data.tfds.TENSORFLOW", "a_package_that_nobody_has")
    monkeypatch.setattr(vggjax.download, "url_reachable", lambda *_, **__: pytest.fail("asked"))
    assert re.search("isn't prepared .*`pip install tensorflow`", message("cifar10", tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_no_network(tmp_path, monkeypatch):
    monkeypatch.setattr("vggjax.data.tfds.TENSORFLOW", "json")
    assert re.search("isn't prepared .*no network", message("beans", tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_set_whose_preparation_fails(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError("No space left on device")

    monkeypatch.setattr("vggjax.data.tfds.TENSORFLOW", "json")
    monkeypatch.setattr(vggjax.download, "url_reachable", lambda *_, **__: True)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    text = message("beans", tmp_path)
    assert "Preparing the data set beans failed (No space left on device)" in text
    assert "--file_format=array_record" in text


def test_which_features_are_image_and_label(tmp_path):
    assert "tiny/1.0.0 has no class label" in message(str(prepare(tmp_path / "b", features=IMAGE)))
    assert "tiny/1.0.0 has no image" in message(str(prepare(tmp_path / "c", features=LABEL)))
    features = {"coarse": tfds.features.ClassLabel(names=["animal"]), **IMAGE, **LABEL}
    folder = prepare(tmp_path / "a", features=features, supervised_keys=("image", "label"))
    assert load_tfds(str(folder)).class_names == ("cat", "dog")


def test_other_format(prepared, tmp_path):
    folder = tmp_path / "tiny" / "1.0.0"
    shutil.copytree(prepared, folder)
    for path in folder.iterdir():
        path.rename(folder / path.name.replace("array_record", "tfrecord"))
    info = folder / "dataset_info.json"
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    for given in [(str(folder),), ("tiny", tmp_path)]:
        text = message(*given)
        assert "is in the tfrecord format" in text
        assert "array_record" in text


def test_damaged_folders(prepared, tmp_path):
    (tmp_path / "dataset_info.json").write_text("{")
    assert "Cannot read the prepared data set in" in message(str(tmp_path))
    folder = tmp_path / "tiny" / "1.0.0"
    shutil.copytree(prepared, folder)
    for path in folder.glob("*.array_record*"):
        path.unlink()
    assert "tiny/1.0.0" in message(str(folder))


def test_nothing_is_printed(prepared, tmp_path, capfd):
    load_tfds(str(prepared))
    message("beans", tmp_path)
    assert capfd.readouterr() == ("", "")
    assert "TF_CPP_MIN_LOG_LEVEL" in os.environ
