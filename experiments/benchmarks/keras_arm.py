"""VGG in Keras 3 on JAX: the layers of `keras.applications.VGG16`, compiled by `predict`."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.measure import Skip
from benchmarks.networks import Network


def forward(network: Network, x: np.ndarray) -> Callable[[], np.ndarray]:
    """The output for preprocessed images (B, H, W, 3)."""
    model = frozen(network)
    return lambda: model.predict(x, batch_size=len(x), verbose=0)


def classifier(network: Network, kernel: np.ndarray) -> Any:
    """The frozen network with a new dense layer of this `kernel` (features, classes), compiled."""
    keras = _keras()
    base = frozen(network)
    head = keras.layers.Dense(kernel.shape[1])
    model = keras.Sequential([base, head])
    head.set_weights([kernel, np.zeros(kernel.shape[1], np.float32)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.RMSprop(1e-3), loss, metrics=["accuracy"])
    return model


def frozen(network: Network) -> Any:
    """The network until its layer as a Keras model that doesn't train."""
    keras = _keras()
    side = network.config.image_size
    layers = [_layer(keras, spec) for spec in network.table]
    model = keras.Sequential([keras.Input((side, side, 3)), *layers], trainable=False)
    for name, arrays in network.params.items():
        model.get_layer(name).set_weights([arrays["kernel"], arrays["bias"]])
    return model


def _layer(keras: Any, spec: Any) -> Any:
    activation = "relu" if spec.relu else None
    if spec.kind == "convolution":
        options = {"padding": "same", "activation": activation, "name": spec.name}
        return keras.layers.Conv2D(spec.kernel[-1], 3, **options)
    if spec.kind == "pool":
        return keras.layers.MaxPooling2D(name=spec.name)
    if spec.kind == "flatten":
        return keras.layers.Flatten(name=spec.name)
    return keras.layers.Dense(spec.kernel[-1], activation=activation, name=spec.name)


def _keras() -> Any:
    os.environ["KERAS_BACKEND"] = "jax"  # read when Keras is first imported
    import keras

    if keras.backend.backend() != "jax":
        raise Skip("Keras was already loaded with another backend")
    return keras
