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
