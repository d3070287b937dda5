"""Files as people have them: written and computed by PyTorch and Keras, read and computed here."""

import h5py
import jax
import keras
import numpy as np
import pytest
import torch
from keras import layers
from safetensors.torch import save_file
from torch import nn
from weights_helpers import write_legacy

from vggjax.errors import WeightsError
from vggjax.weights import load_vgg, load_weights
from vggjax.weights.importer import import_weights

WIDTHS, DEPTHS = (4, 4, 6, 6, 8), (2, 2, 3, 3, 3)
POOL = "block5_pool"


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)


def torch_vgg(norm=False):
    """torchvision's layout, narrow: `features` and `classifier`, for images of 64 pixels."""
    torch.manual_seed(0)
    features, channels = [], 3
    for width, depth in zip(WIDTHS, DEPTHS, strict=True):
        for _ in range(depth):
            features.append(nn.Conv2d(channels, width, 3, padding=1))
            if norm:
                features.append(nn.BatchNorm2d(width))
            features.append(nn.ReLU())
            channels = width
        features.append(nn.MaxPool2d(2))
    classifier = [nn.Linear(32, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 16), nn.ReLU()]
    network = nn.Module()
    network.features = nn.Sequential(*features)
    network.classifier = nn.Sequential(*classifier, nn.Dropout(), nn.Linear(16, 5))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values, low in ((module.weight, 0.5), (module.bias, -1)):
                nn.init.uniform_(values, low, 1.5)
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.2, 3)
    return network.eval()


def by_torch(network, images):
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    x = torch.tensor((images / 255 - mean) / deviation, dtype=torch.float32).permute(0, 3, 1, 2)
    with torch.no_grad():
        return network.classifier(network.features(x).flatten(1)).numpy()


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("file", ["a.pth", "a.safetensors"])
def test_torchvisions_layout(tmp_path, images, norm, file):
    """With batch normalisation, it is folded into the convolutions: the same logits."""
    network = torch_vgg(norm)
    save = torch.save if file == "a.pth" else save_file
    save(network.state_dict(), tmp_path / file)
    assert_close(load_vgg(str(tmp_path / file))(images), by_torch(network, images))
    notes = load_weights(str(tmp_path / file)).info.notes
    assert notes.get("folded") == ("batch normalisation of 13 convolutions" if norm else None)


STATE = torch_vgg().state_dict()
WRAPPED = {
    "PyTorch's tutorial": {"epoch": 1, "model_state_dict": STATE, "loss": torch.tensor(0.3)},
    "fastai": {"model": STATE, "opt": {"state": [{"mom": torch.ones(3)}]}},
    "net": {"net": STATE, "acc": 71.0},
    "params": {"params": {"inner": STATE}},
    "a device, a size, a type, a set": {
        "state_dict": STATE,
        "device": torch.device("cpu"),
        "size": torch.Size([3]),
        "dtype": torch.float32,
        "seen": {1, 2},
    },
    "with an average of it": {"state_dict_ema": STATE, "state_dict": STATE},
}


@pytest.mark.parametrize("content", WRAPPED.values(), ids=WRAPPED)
@pytest.mark.parametrize("zipped", [True, False])
def test_checkpoints(tmp_path, images, content, zipped):
    torch.save(content, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    assert_close(load_vgg(str(tmp_path / "a.pth"))(images), by_torch(torch_vgg(), images))


def test_an_optimizer_s_state_is_called_so(tmp_path):
    network = torch_vgg()
    optimizer = torch.optim.Adam(network.parameters())
    network.features(torch.ones(1, 3, 64, 64)).sum().backward()
    optimizer.step()
    torch.save(optimizer.state_dict(), tmp_path / "a.pth")
    with pytest.raises(WeightsError, match="holds an optimizer's state, not a network's"):
        import_weights(tmp_path / "a.pth")


@pytest.mark.filterwarnings("ignore:.*quantize")
def test_quantised_tensors_are_called_so(tmp_path):
    quantised = torch.quantize_per_tensor(STATE["features.0.weight"], 0.1, 0, torch.qint8)
    torch.save({"features.0.weight": quantised}, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=r"is quantised .*; save its weights in floats"):
        import_weights(tmp_path / "a.pth")


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_a_folder_of_hugging_face_s(tmp_path, images, file):
    save = save_file if file.endswith("safetensors") else torch.save
    save(STATE, tmp_path / file)
    (tmp_path / "config.json").write_text("{}")
    assert_close(load_vgg(str(tmp_path))(images), by_torch(torch_vgg(), images))


def keras_vgg(before=(), after=None, activation="relu"):
    """A narrow VGG16 of Keras' with layers before and after its convolutions."""
    x = inputs = keras.Input((64, 64, 3))
    for layer in before:
        x = layer(x)
    for block, (width, depth) in enumerate(zip(WIDTHS, DEPTHS, strict=True), 1):
        for number in range(1, depth + 1):
            name = f"block{block}_conv{number}"
            x = layers.Conv2D(width, 3, padding="same", activation="relu", name=name)(x)
        x = layers.MaxPooling2D(name=f"block{block}_pool")(x)
    pooled = x
    for layer in after or ():
        x = layer(x)
    return keras.Model(inputs, x), keras.Model(inputs, pooled)


def top(activation="relu"):
    return [
        layers.Flatten(),
        layers.Dense(16, activation, name="fc1"),
        layers.Dense(16, activation, name="fc2"),
        layers.Dense(5, name="predictions"),
    ]


def by_keras(model, images):
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        return model.predict(np.asarray(images, "f4"), verbose=0)


def caffe(images):
    return images[..., ::-1] - np.array([103.939, 116.779, 123.68], "f4")


class Prepared(layers.Layer):
    """Something of the user's own."""

    def call(self, x):
        return x * 2


SCALED = {
    "unit": [layers.Rescaling(1 / 255)],
    "tf": [layers.RandomFlip(), layers.Rescaling(1 / 127.5, offset=-1)],
}


@pytest.mark.parametrize("mode", SCALED)
@pytest.mark.parametrize("file", ["a.keras", "a.h5"])
def test_a_model_that_scales_its_images_itself(tmp_path, images, mode, file):
    model, _ = keras_vgg(SCALED[mode], top())
    model.save(tmp_path / file)
    weights = load_weights(str(tmp_path / file))
    assert weights.info.config.preprocessing == mode
    assert "assumed" not in weights.info.notes
    assert_close(weights.chain()(images), by_keras(model, images))


@pytest.mark.parametrize("layer", [layers.Rescaling(2.0), layers.Normalization(mean=1, variance=2)])
def test_what_isnt_known_of_images_is_refused_but_can_be_said(tmp_path, layer):
    model, _ = keras_vgg([layer], top())
    model.save(tmp_path / "a.keras")
    with pytest.raises(WeightsError, match=rf"begins with {type(layer).__name__}.*preprocessing"):
        load_weights(str(tmp_path / "a.keras"))
    said = load_weights(str(tmp_path / "a.keras"), preprocessing="raw")
    assert said.info.config.preprocessing == "raw"


def test_keras_preprocessing_within_the_model(tmp_path, images):
    x = inputs = keras.Input((64, 64, 3))
    x = keras.applications.vgg16.preprocess_input(x)
    model, _ = keras_vgg((), top())
    whole = keras.Model(inputs, model(x))
    whole.save(tmp_path / "a.keras")
    weights = load_weights(str(tmp_path / "a.keras"))
    assert weights.info.config.preprocessing == "caffe"
    assert "assumed" not in weights.info.notes
    assert_close(weights.chain()(images), by_keras(whole, images))


FINE_TUNED = {
    "flatten": [layers.Flatten(), layers.Dense(9, "relu"), layers.Dropout(0.5), layers.Dense(1)],
    "average": [layers.GlobalAveragePooling2D(), layers.Dense(2)],
    "average, three dense": [
        layers.GlobalAveragePooling2D(),
        *(layers.Dense(7, "relu"), layers.Dense(7, "relu"), layers.Dense(2)),
    ],
    "batch normalisation": [layers.BatchNormalization(), layers.Flatten(), layers.Dense(2)],
}


@pytest.mark.parametrize("after", FINE_TUNED.values(), ids=FINE_TUNED)
@pytest.mark.parametrize("file", ["a.keras", "a.h5", "a.weights.h5"])
@pytest.mark.parametrize("nested", [False, True])
def test_fine_tuned_models(tmp_path, images, after, file, nested):
    """Their convolutions are VGG's; dense layers that aren't are left out, and named."""
    model, pooled = keras_vgg((), () if nested else after)
    if nested:
        model = keras.Sequential([keras.Input((64, 64, 3)), model, *after])
    save = model.save_weights if file == "a.weights.h5" else model.save
    save(tmp_path / file)
    chain = load_vgg(str(tmp_path / file), POOL)
    assert_close(chain(images), by_keras(pooled, caffe(images)))
    notes = load_weights(str(tmp_path / file), POOL).info.notes
    assert "caffe preprocessing" in notes["assumed"]
    left_out = "dense" in notes.get("left out", "")
    assert left_out or "if maps were averaged" in notes["assumed"], "weights alone don't tell"


def test_linear_dense_layers_are_said(tmp_path):
    model, _ = keras_vgg((), top(None))
    model.save(tmp_path / "a.keras")
    assumed = import_weights(tmp_path / "a.keras").info.notes["assumed"]
    assert "a ReLU after fc1, fc2, where the file has none" in assumed


def test_batch_normalisation_of_keras(tmp_path, images):
    """With its own epsilon; each follows a convolution without an activation."""
    x = inputs = keras.Input((64, 64, 3))
    for width, depth in zip(WIDTHS, DEPTHS, strict=True):
        for _ in range(depth):
            x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization(epsilon=0.02)(x))
        x = layers.MaxPooling2D()(x)
    model = keras.Model(inputs, x)
    random = np.random.default_rng(0)
    model.set_weights([random.uniform(0.2, 1, w.shape) - 0.5 * (w.ndim == 4)
                       for w in model.get_weights()])  # fmt: skip
    expected = by_keras(model, caffe(images))
    for file in ("a.keras", "a.h5"):
        model.save(tmp_path / file)
        assert_close(load_vgg(str(tmp_path / file))(images), expected)


def test_theano_turned_its_kernels(tmp_path, images):
    """A file of Keras 2 on Theano has the kernels of a true convolution, turned by 180°."""
    model, _ = keras_vgg((), top())
    model.save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["model_weights"].attrs["backend"] = b"theano"
        file["model_weights"].attrs["keras_version"] = b"2.0.8"

        def turn(_, node):
            if isinstance(node, h5py.Dataset) and node.ndim == 4:
                node[...] = node[...][::-1, ::-1]

        file["model_weights"].visititems(turn)
    expected = by_keras(model, caffe(images))
    assert_close(load_vgg(str(tmp_path / "a.h5"))(images), expected)


def test_keras_1_with_channels_first(tmp_path, images, random_tree):
    """Kernels (out, in, h, w), turned; maps flattened (C, H, W)."""
    from weights_helpers import CONFIG

    params = random_tree(CONFIG)
    theirs = {name: dict(roles) for name, roles in params.items()}
    for roles in theirs.values():
        if roles["kernel"].ndim == 4:
            roles["kernel"] = np.einsum("hwio->oihw", roles["kernel"][::-1, ::-1])
    maps = theirs["fc1"]["kernel"].reshape(2, 2, CONFIG.widths[-1], -1)
    theirs["fc1"]["kernel"] = np.einsum("hwcn->chwn", maps).reshape(-1, CONFIG.hidden)
    write_legacy(tmp_path / "a.h5", theirs, 1)
    weights = load_weights(str(tmp_path / "a.h5"))
    for name, roles in params.items():
        np.testing.assert_array_equal(weights.params[name]["kernel"], roles["kernel"], name)
    assert "kernels as Theano turns them" in weights.info.notes["assumed"]


def test_a_pth_in_caffe_s_convention_can_be_said_to_be_so(tmp_path, images):
    torch.save(STATE, tmp_path / "a.pth")
    network, x = torch_vgg(), torch.tensor(caffe(images).copy()).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = network.classifier(network.features(x).flatten(1)).numpy()
    found = load_vgg(str(tmp_path / "a.pth"), preprocessing="caffe")(images)
    assert_close(found, expected)
    with pytest.raises(WeightsError, match="What demo expects of images is known"):
        load_vgg("demo", preprocessing="caffe")
