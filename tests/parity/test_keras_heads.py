"""Heads and losses equal Keras layers that have the same weights."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from vggjax.model import Chain, parameters, softmax_head, temperature_head
from vggjax.training import keras_cross_entropy

RNG = np.random.default_rng(0)
MAPS = RNG.normal(size=(6, 4, 4, 3)).astype(np.float32)
LOGITS = (4 * RNG.normal(size=(6, 20))).astype(np.float32)


def keras_layers(chain: Chain, *layers):
    """The Keras `layers` and a softmax layer with the weights of `chain`'s dense `head`."""
    arrays = parameters(chain)["head"]
    kernel, bias = np.asarray(arrays["kernel"]), np.asarray(arrays["bias"])
    dense = keras.layers.Dense(kernel.shape[1], activation="softmax")
    dense.build((None, kernel.shape[0]))
    dense.set_weights([kernel, bias])
    return keras.Sequential([*layers, dense])


@pytest.mark.parametrize("temperature", [1, 4])
def test_a_temperature_head_is_two_softmax_layers(temperature):
    head = temperature_head(20, 5, temperature, 1, start="glorot")
    soften = keras.layers.Lambda(lambda a: keras.ops.softmax(a / temperature))
    theirs = keras_layers(head, soften)(LOGITS)
    np.testing.assert_allclose(jax.nn.softmax(head(LOGITS)), theirs, rtol=1e-5, atol=1e-7)


def test_at_temperature_1_it_is_keras_softmax_activation():
    head = temperature_head(20, 5, seed=1, start="glorot")
    theirs = keras_layers(head, keras.layers.Activation("softmax"))(LOGITS)
    np.testing.assert_allclose(jax.nn.softmax(head(LOGITS)), theirs, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("pool", [False, True])
def test_heads_on_maps(pool):
    head = softmax_head((4, 4, 3), 5, 1, pool=pool, start="glorot")
    layers = [keras.layers.MaxPooling2D(), keras.layers.Flatten()][0 if pool else 1 :]
    theirs = keras_layers(head, *layers)(MAPS)
    np.testing.assert_allclose(jax.nn.softmax(head(MAPS)), theirs, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("scale", [1, 10, 1000])
def test_the_clipped_loss_and_its_gradient(scale):
    logits, labels = jnp.asarray(scale * LOGITS), np.array([0, 3, 19, 7, 7, 1])

    def theirs(z):
        with jax.numpy_dtype_promotion("standard"):
            return keras.ops.sparse_categorical_crossentropy(labels, keras.ops.softmax(z))

    np.testing.assert_allclose(keras_cross_entropy(logits, labels), theirs(logits), rtol=1e-5)
    ours = jax.grad(lambda z: keras_cross_entropy(z, labels).sum())(logits)
    expected = jax.grad(lambda z: theirs(z).sum())(logits)
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-7)
    if scale == 1000:
        assert not np.any(ours), "past the clip there is no gradient"
