import contextlib
import dataclasses
import io
import json

import numpy as np
import pytest
from flax import nnx
from PIL import Image

from vggjax.errors import WeightsError
from vggjax.model import Chain, parameters, softmax_head, with_parameters
from vggjax.transfer import Classifier
from vggjax.transfer.digest import chain_digest
from vggjax.weights import WeightsInfo, save

CLASSES = ("ants", "bees", "cats")


@pytest.fixture(scope="module")
def weights(small_config, small_tree, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights") / "small"
    save(folder, small_tree, WeightsInfo("small", "test", "", small_config, {}))
    return folder


@pytest.fixture
def classifier(small_vgg, weights):
    head = softmax_head((16,), 3, seed=5)
    return Classifier(small_vgg.until("fc2"), head, CLASSES, "nearest", str(weights))


@pytest.fixture
def saved(classifier, tmp_path):
    classifier.save(tmp_path / "saved")
    return tmp_path / "saved"


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_same_numbers_after_loading(classifier, saved, small_images):
    loaded = Classifier.load(saved)
    np.testing.assert_array_equal(
        loaded.probabilities(small_images), classifier.probabilities(small_images)
    )
    kept = ("class_names", "resize", "weights", "image_size")
    assert [getattr(loaded, k) for k in kept] == [getattr(classifier, k) for k in kept]
    assert loaded.backbone.names[-1] == "fc2"


def test_photos_after_loading(classifier, saved):
    stream = io.BytesIO()
    pixels = np.random.default_rng(3).integers(0, 256, (50, 41, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    assert Classifier.load(saved).predict([stream.getvalue()]) == classifier.predict(
        [stream.getvalue()]
    )


def test_a_head_with_several_layers(small_vgg, tmp_path, small_images):
    backbone = small_vgg.until("block5_pool")
    classifier = Classifier(backbone, softmax_head((1, 1, 8), 3), CLASSES)
    classifier.save(tmp_path / "saved")
    loaded = Classifier.load(tmp_path / "saved", small_vgg)
    assert loaded.head.names == ("head_flatten", "head")
    np.testing.assert_array_equal(
        loaded.probabilities(small_images), classifier.probabilities(small_images)
    )


def test_a_known_identity_is_not_computed(classifier, tmp_path, monkeypatch):
    known = chain_digest(classifier.backbone)
    monkeypatch.setattr("vggjax.transfer.classifier.chain_digest", None)
    classifier.save(tmp_path / "saved", digest=known)
    monkeypatch.undo()
    Classifier.load(tmp_path / "saved")


def test_it_can_be_moved_and_names_no_temporary_place(saved):
    moved = saved.rename(saved.with_name("moved"))
    Classifier.load(moved)
    assert [path.name for path in moved.parent.iterdir()] == ["moved"]
    description = json.loads(next(iter(files(moved / "classifier"))).read_text())
    assert description["info"]["layer"] == "fc2"
    assert description["info"]["preprocessing"] == "caffe"


def test_other_weights_are_refused(saved, small_vgg, small_config, random_tree, tmp_path):
    other = tmp_path / "other"
    save(other, random_tree(small_config, 1), WeightsInfo("x", "test", "", small_config, {}))
    with pytest.raises(WeightsError, match=r"other are not those that the classifier .*saved was"):
        Classifier.load(saved, other)
    tree = parameters(small_vgg)
    changed = {**tree, "fc2": {**tree["fc2"], "bias": tree["fc2"]["bias"] + 1e-6}}
    with pytest.raises(WeightsError, match="The weights given are not those"):
        Classifier.load(saved, with_parameters(small_vgg, changed))
    torch_like = dataclasses.replace(small_config, preprocessing="torch")
    save(tmp_path / "torch", random_tree(small_config), WeightsInfo("x", "", "", torch_like, {}))
    with pytest.raises(WeightsError, match="are not those"):
        Classifier.load(saved, tmp_path / "torch")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("", "does not say which weights"),
        ("nowhere.h5", r"cannot be loaded: There are no weights .*nowhere\.h5"),
    ],
)
def test_missing_weights_are_named(classifier, tmp_path, weights, message):
    dataclasses.replace(classifier, weights=weights).save(tmp_path / "saved")
    with pytest.raises(WeightsError, match=message):
        Classifier.load(tmp_path / "saved")


def test_a_network_without_the_layer(saved, small_vgg):
    with pytest.raises(WeightsError, match="needs a network with the layer fc2"):
        Classifier.load(saved, small_vgg.until("block5_pool"))


@contextlib.contextmanager
def collecting(errors):
    try:
        yield
    except WeightsError as error:
        errors.append(str(error))


@pytest.mark.parametrize("damage", ["truncate", "remove", "flip"])
def test_every_damaged_file(saved, classifier, small_images, damage, capfd):
    """Each file is either needed, and one clear error says so, or it is redundant."""
    expected = classifier.probabilities(small_images)
    refused = 0
    for path in files(saved):
        content = path.read_bytes()
        middle = len(content) // 2
        path.unlink()
        if damage == "truncate":
            path.write_bytes(content[:middle])
        elif damage == "flip":
            path.write_bytes(
                content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]
            )
        errors: list[str] = []
        with collecting(errors):
            loaded = Classifier.load(saved)
            np.testing.assert_array_equal(loaded.probabilities(small_images), expected)
        assert all("\n" not in message for message in errors)
        refused += len(errors)
        path.write_bytes(content)
    assert refused >= 2
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["missing", "empty", "weights"])
def test_other_folders(name, tmp_path, weights):
    (tmp_path / "empty").mkdir()
    folder = weights if name == "weights" else tmp_path / name
    with pytest.raises(WeightsError, match="is not a folder of saved classifier files"):
        Classifier.load(folder)


def test_what_is_there_is_kept(saved, classifier, tmp_path):
    with pytest.raises(WeightsError, match="exists already"):
        classifier.save(saved)
    (tmp_path / "thesis").mkdir()
    with pytest.raises(WeightsError, match="something other than saved classifier files"):
        classifier.save(tmp_path / "thesis", overwrite=True)
    other = dataclasses.replace(classifier, resize="crop")
    other.save(saved, overwrite=True)
    assert Classifier.load(saved).resize == "crop"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["saved", "thesis"]


def test_failure_leaves_nothing(saved, classifier, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vggjax.weights.checkpoint._set_aside", full)
    for folder in (saved, tmp_path / "new"):
        with pytest.raises(WeightsError, match=r"cannot be written \(No space left"):
            classifier.save(folder, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["saved"]
    Classifier.load(saved)


def test_unknown_layers_are_not_saved(classifier, tmp_path):
    class Odd(nnx.Module):
        pass

    odd = dataclasses.replace(classifier, head=Chain({"odd": Odd()}))
    with pytest.raises(WeightsError, match="kind Odd"):
        odd.save(tmp_path / "saved")
    assert not list(tmp_path.iterdir())
