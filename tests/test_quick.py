"""`vggjax.train`: the best head of a folder, measured on photos that it never saw."""

import numpy as np
import pytest

import vggjax
from vggjax.data import load_demo
from vggjax.errors import DataError
from vggjax.quick import held_out
from vggjax.report.shown import Figure
from vggjax.training import Classifier


@pytest.fixture(scope="module")
def dataset():
    return load_demo(per_class=4)


@pytest.fixture(scope="module")
def result(dataset):
    return vggjax.train(dataset, "demo", views=("whole", "flip"))


def test_its_number_is_of_photos_that_it_never_saw(dataset, result):
    fitted, tested = held_out(dataset, 0.25, 0)
    assert not {*fitted} & {*tested}
    assert sorted([*fitted, *tested]) == list(range(len(dataset)))
    assert list(result.tested.ids) == [dataset.ids[number] for number in tested]
    told = result.classifier.predict([dataset.read(name) for name in result.tested.ids])
    guesses = [one.name for one in told]
    assert guesses == [result.tested.class_names[guess] for guess in result.tested.guesses]
    true = [dataset.class_names[label] for label in dataset.labels[tested]]
    assert np.mean([a == b for a, b in zip(guesses, true, strict=True)]) == result.tested.accuracy
    assert result.classifier.views == ("whole", "flip")


def test_the_report_and_the_figures(result):
    text = repr(result)
    assert "32 classes, 96 images trained on, 32 tested" in text
    assert f"test accuracy {result.tested.accuracy:.3f} (95 % interval" in text
    for name in ("classes", "confusion", "errors", "reliability"):
        assert isinstance(result.figure(name), Figure)
    with pytest.raises(DataError, match="There is no figure 'roc'; there are classes"):
        result.figure("roc")


def test_it_is_kept(result, tmp_path, dataset):
    result.save(tmp_path / "kept")
    photo = dataset.read(dataset.ids[0])
    assert dict(Classifier.load(tmp_path / "kept").predict(photo)) == dict(
        result.classifier.predict(photo)
    )


@pytest.mark.parametrize("share", [0, 1, -0.1, 2])
def test_a_share_that_leaves_nothing(share, dataset):
    with pytest.raises(DataError, match="between 0 and 1"):
        vggjax.train(dataset, "demo", test=share)


def test_a_class_of_two_photos_is_named(dataset):
    few = load_demo(per_class=2)
    with pytest.raises(DataError, match="images"):
        vggjax.train(few, "demo")


@pytest.fixture
def folder(tmp_path, dataset):
    """Two classes of eight of the demo's images, and what people have beside them."""
    for number in range(4):
        for label in range(4):
            place = tmp_path / ("ants", "bees")[label % 2]
            place.mkdir(exist_ok=True)
            content = dataset.read(dataset.ids[4 * label + number])
            (place / f"{label}{number}.jpg").write_bytes(content)
    (tmp_path / "@eaDir").mkdir()
    return tmp_path


def test_unreadable_photos_and_copies_are_told(folder):
    for name, twin in (("ants/copy.jpg", "ants/00.jpg"), ("bees/ant.jpg", "ants/01.jpg")):
        (folder / name).write_bytes((folder / twin).read_bytes())
    for number in range(3):
        (folder / "bees" / f"empty{number}.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"Cannot read 3 images: .*; skip_unreadable=True goes on"):
        vggjax.train(folder, "demo")
    result = vggjax.train(folder, "demo", skip_unreadable=True)
    assert result.remarks == (
        "left out: 1 folder of a file server",
        "skipped: 3 images that can't be read",
        "1 image is a copy of others of the same class, byte for byte (ants/copy.jpg is "
        "ants/00.jpg); each is used once.",
        "1 image is in several classes, byte for byte (ants/01.jpg is bees/ant.jpg); one part of "
        "a split has all copies.",
    )
    assert all(remark in repr(result) for remark in result.remarks)
    assert len(result.images) == 17


@pytest.mark.parametrize("seed", range(6))
def test_no_photo_is_trained_on_and_tested(seed, folder):
    for name, twin in (("bees/ant.jpg", "ants/01.jpg"), ("bees/another.jpg", "ants/02.jpg")):
        (folder / name).write_bytes((folder / twin).read_bytes())
    data = vggjax.load_folder(folder)
    fitted, tested = ({data.read(data.ids[n]) for n in part} for part in held_out(data, 0.5, seed))
    assert not fitted & tested
    assert len(fitted | tested) >= 15


def test_folders_of_a_split_are_the_split(folder):
    for part, kept in (("train", "0"), ("test", "3")):
        for name in ("ants", "bees"):
            (folder / part / name).mkdir(parents=True)
            for path in (folder / name).glob("*.jpg"):
                if (path.stem[1] == "3") == (kept == "3"):
                    path.rename(folder / part / name / path.name)
    for name in ("ants", "bees"):
        (folder / name).rmdir()
    data = vggjax.load_folder(folder)
    fitted, tested = held_out(data, 0.25, 0)
    assert {data.parts[n] for n in fitted} == {"train"}
    assert {data.parts[n] for n in tested} == {"test"}
    assert (len(fitted), len(tested)) == (12, 4)
