"""A tiny VGG, and its parameters as other libraries would write them."""

import h5py
import numpy as np

from vggjax.model.config import VGGConfig, parameter_shapes
from vggjax.weights.convert import to_parameters
from vggjax.weights.formats import read_weights
from vggjax.weights.match import match

# 64 pixels leave maps of 2 x 2 before fc1, so that a wrong flatten order shows
CONFIG = VGGConfig(widths=(4, 4, 6, 6, 8), hidden=16, classes=5, image_size=64)
TORCH_POSITIONS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)  # torchvision's vgg16
TORCH_DENSE = {"fc1": "classifier.0", "fc2": "classifier.3", "predictions": "classifier.6"}


def assert_equal(found, expected):
    assert list(found) == list(expected)
    for layer, roles in expected.items():
        for role, values in roles.items():
            assert found[layer][role].dtype == np.float32
            np.testing.assert_array_equal(found[layer][role], values, err_msg=f"{layer}/{role}")


def torch_state(params, config):
    """The parameters under torchvision's names and in its order of axes."""
    side = config.image_size // 32
    convolutions = [name for name in params if "conv" in name]
    names = dict(zip(convolutions, (f"features.{n}" for n in TORCH_POSITIONS), strict=False))
    state = {}
    for layer, roles in params.items():
        name = {**names, **TORCH_DENSE}[layer]
        kernel = roles["kernel"]
        if kernel.ndim == 4:
            kernel = np.einsum("hwio->oihw", kernel)
        elif layer == "fc1":
            maps = np.einsum("hwcn->nchw", kernel.reshape(side, side, config.widths[-1], -1))
            kernel = maps.reshape(kernel.shape[::-1])
        else:
            kernel = kernel.T
        state[f"{name}.weight"] = np.ascontiguousarray(kernel)
        state[f"{name}.bias"] = roles["bias"]
    return state


def parameters(foreign):
    """All that a file's tensors give."""
    return to_parameters(foreign, match(foreign))


def assert_read(path, params, config):
    foreign = read_weights(path)
    assert_equal(parameters(foreign), params)
    assert match(foreign).config == config


def keras_vgg(config, named):
    import keras

    layers = [keras.Input((config.image_size, config.image_size, 3))]
    for layer, roles in parameter_shapes(config).items():
        size, name = roles["bias"][0], layer if named else None
        if layer == "fc1":
            layers.append(keras.layers.Flatten())
        if "conv" in layer:
            layers.append(keras.layers.Conv2D(size, 3, padding="same", name=name))
            if layer in ("block1_conv2", "block2_conv2") or layer.endswith("conv3"):
                layers.append(keras.layers.MaxPooling2D())
        else:
            layers.append(keras.layers.Dense(size, name=name))
    return keras.Sequential(layers)


def write_legacy(path, params, style, inside=None):
    """A file as Keras 1 ("block1_conv1_W_1:0") and Keras 2 ("block1_conv1/kernel:0") wrote it."""
    styles = {
        1: {"kernel": "{}_W_1:0", "bias": "{}_b_1:0"},
        2: {"kernel": "{0}/kernel:0", "bias": "{0}/bias:0"},
    }
    with h5py.File(path, "w") as file:
        root = file.create_group(inside) if inside else file
        root.attrs["layer_names"] = [name.encode() for name in ("input_1", *params, "extra_pool")]
        for empty in ("input_1", "extra_pool"):
            root.create_group(empty).attrs["weight_names"] = np.array([], "S1")
        for layer, roles in params.items():
            names = [styles[style][role].format(layer) for role in roles]
            group = root.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, values in zip(names, roles.values(), strict=True):
                group[name] = values
    return path
