"""This VGG16 and Keras' give the same numbers for the same weights, read from Keras' own file."""

import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest

from vggjax.model import build_vgg
from vggjax.model.layers import Preprocess
from vggjax.transfer import rmsprop
from vggjax.weights import load_weights


@pytest.fixture(scope="module")
def keras_vgg(tree):
    model = keras.applications.VGG16(weights=None, classifier_activation=None)
    for name, arrays in tree.items():
        model.get_layer(name).set_weights([arrays["kernel"], arrays["bias"]])
    return model


@pytest.fixture(scope="module")
def our_vgg(keras_vgg, tmp_path_factory):
    path = tmp_path_factory.mktemp("keras") / "vgg16.weights.h5"
    keras_vgg.save_weights(path)
    info, params = load_weights(str(path))
    path.unlink()
    assert info.config.preprocessing == "caffe"
    return build_vgg(info.config, params)


@pytest.fixture(scope="module")
def keras_outputs(keras_vgg, images):
    """Every layer's output, by name."""
    layers = [layer for layer in keras_vgg.layers if not isinstance(layer, keras.layers.InputLayer)]
    model = keras.Model(keras_vgg.input, [layer.output for layer in layers])
    x = keras.applications.vgg16.preprocess_input(images.astype(np.float32))
    outputs = model(x, training=False)
    return dict(zip([layer.name for layer in layers], outputs, strict=True))


def test_logits(our_vgg, keras_outputs, images):
    theirs = np.asarray(keras_outputs["predictions"])
    assert 5 < np.abs(theirs).max() < 15, f"logits of order 10, not {np.abs(theirs).max()}"
    assert np.abs(np.asarray(our_vgg(images)) - theirs).max() <= 1e-4


def test_every_layer(our_vgg, keras_outputs, images, assert_layer_close):
    ours = our_vgg.activations(images, our_vgg.names)
    assert list(ours) == ["preprocess", *keras_outputs]
    for name, theirs in keras_outputs.items():
        assert_layer_close(name, ours[name], theirs)


def test_preprocessing(images):
    theirs = keras.applications.vgg16.preprocess_input(images.astype(np.float32))
    np.testing.assert_array_equal(Preprocess("caffe", 224)(images), theirs)


def test_rmsprop_over_20_steps():
    rng = np.random.default_rng(0)
    start = rng.normal(size=(7, 3)).astype(np.float32)
    gradients = rng.normal(size=(20, 7, 3)).astype(np.float32)
    variable = keras.Variable(start)
    theirs = keras.optimizers.RMSprop(learning_rate=1e-3)
    ours, parameter = rmsprop(1e-3), jnp.asarray(start)
    state = ours.init(parameter)
    for gradient in gradients:
        theirs.apply([jnp.asarray(gradient)], [variable])
        updates, state = ours.update(jnp.asarray(gradient), state)
        parameter = optax.apply_updates(parameter, updates)
        np.testing.assert_allclose(parameter, np.asarray(variable), atol=1e-7)
    assert np.abs(np.asarray(parameter) - start).max() > 5e-3, "it moved"
