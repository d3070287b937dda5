"""This VGG16 and Keras' give the same numbers for the same weights, read from Keras' own file."""

import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest

from vggjax.model.layers import Preprocess
from vggjax.training import rmsprop


@pytest.mark.slow
def test_every_layer(tree, images, loaded, assert_same_outputs, tmp_path):
    keras_vgg = keras.applications.VGG16(weights=None, classifier_activation=None)
    for name, arrays in tree.items():
        keras_vgg.get_layer(name).set_weights([arrays["kernel"], arrays["bias"]])
    layers = [layer for layer in keras_vgg.layers if not isinstance(layer, keras.layers.InputLayer)]
    model = keras.Model(keras_vgg.input, [layer.output for layer in layers])
    x = keras.applications.vgg16.preprocess_input(images.astype(np.float32))
    names = [layer.name for layer in layers]
    theirs = dict(zip(names, map(np.asarray, model(x, training=False)), strict=True))
    keras_vgg.save_weights(tmp_path / "vgg16.weights.h5")
    our_vgg = loaded(tmp_path / "vgg16.weights.h5", "caffe")
    assert our_vgg.names == ("preprocess", *names)
    assert_same_outputs(our_vgg, theirs)


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
