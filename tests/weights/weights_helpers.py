"""A tiny VGG, and its parameters as other libraries would write them."""

import warnings
from contextlib import contextmanager

import numpy as np

from vggjax.model.config import VGGConfig, parameter_shapes

# 64 pixels leave maps of 2 x 2 before fc1, so that a wrong flatten order shows
CONFIG = VGGConfig(widths=(4, 4, 6, 6, 8), hidden=16, classes=5, image_size=64)
TORCH_POSITIONS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)  # torchvision's vgg16
TORCH_DENSE = {"fc1": "classifier.0", "fc2": "classifier.3", "predictions": "classifier.6"}


def make_params(config, seed=7):
    generator = np.random.default_rng(seed)
    return {
        layer: {role: generator.normal(size=shape).astype("f4") for role, shape in roles.items()}
        for layer, roles in parameter_shapes(config).items()
    }


def assert_equal(found, expected):
    assert list(found) == list(expected)
    for layer, roles in expected.items():
        for role, values in roles.items():
            assert found[layer][role].dtype == np.float32
            np.testing.assert_array_equal(found[layer][role], values, err_msg=f"{layer}/{role}")


def torch_state(params, config):
    """The parameters under torchvision's names, element by element where the order changes."""
    convolutions = [name for name in params if "conv" in name]
    names = dict(zip(convolutions, (f"features.{n}" for n in TORCH_POSITIONS), strict=False))
    state = {}
    for layer, roles in params.items():
        name = {**names, **TORCH_DENSE}[layer]
        kernel = roles["kernel"]
        if kernel.ndim == 4:
            kernel = np.einsum("hwio->oihw", kernel)
        elif layer == "fc1":
            kernel = channels_first(kernel, config)
        else:
            kernel = kernel.T
        state[f"{name}.weight"] = np.ascontiguousarray(kernel)
        state[f"{name}.bias"] = roles["bias"]
    return state


def channels_first(kernel, config):
    side, channels = config.image_size // 32, config.widths[-1]
    weight = np.empty(kernel.shape[::-1], kernel.dtype)
    for c in range(channels):
        for h in range(side):
            for w in range(side):
                weight[:, (c * side + h) * side + w] = kernel[(h * side + w) * channels + c]
    return weight


@contextmanager
def keras_may_warn():
    """Keras' variables have an outdated `__array__`, at which NumPy 2 warns when they are saved."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        yield


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
