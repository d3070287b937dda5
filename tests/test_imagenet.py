"""The whole network by ImageNet's names."""

from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

import vggjax
from vggjax import predict
from vggjax.errors import DataError, WeightsError
from vggjax.imagenet import classifier_called, imagenet_classes, imagenet_classifier
from vggjax.weights import WeightsInfo, load_vgg, save


@pytest.fixture(scope="module")
def thousand(small_config, random_tree, tmp_path_factory):
    """Weights of a small network with 1,000 outputs."""
    config = replace(small_config, classes=1000)
    folder = tmp_path_factory.mktemp("thousand") / "weights"
    save(folder, random_tree(config), WeightsInfo("thousand", "test", "", config, {}))
    return str(folder)


def test_the_synsets_are_tensorflow_datasets_and_in_its_order():
    known = files("tensorflow_datasets") / "datasets" / "imagenet2012" / "labels.txt"
    own = (files("vggjax") / "imagenet_classes.txt").read_text().splitlines()
    assert [line.split(" ")[0] for line in own] == known.read_text().split()


@pytest.mark.parametrize(  # as Keras' and PyTorch's lists have them
    ("number", "name"),
    [(0, "tench"), (134, "crane (bird)"), (285, "Egyptian cat"), (388, "giant panda"),
     (517, "crane (machine)"), (999, "toilet tissue")],
)  # fmt: skip
def test_names(number, name):
    assert imagenet_classes()[number] == name
    assert len(set(imagenet_classes())) == 1000


def test_probabilities_are_the_network_s_softmax(thousand, small_images):
    told = imagenet_classifier(thousand).predict(small_images[0])
    logits = np.asarray(load_vgg(thousand)(small_images[:1]), np.float64)[0]
    expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    for number in (0, 281, 999):
        assert told[imagenet_classes()[number]] == pytest.approx(expected[number], rel=1e-3)


def test_the_command_takes_its_name(thousand, small_images, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("vggjax.imagenet.load_vgg", lambda name, until: load_vgg(thousand, until))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.ppm").write_bytes(b"P6 32 32 255 " + small_images[0].tobytes())
    predict.main(["imagenet", "photo.ppm", "--top", "2"])
    line = capsys.readouterr().out
    best = max(told := imagenet_classifier("imagenet").predict(small_images[0]), key=told.get)
    assert line.startswith(f"photo.ppm  {best}")


def test_other_weights_say_so():
    with pytest.raises(DataError, match="ImageNet has 1000"):
        vggjax.imagenet_classifier("demo")
    with pytest.raises(WeightsError, match="nowhere"):
        classifier_called("nowhere")
