"""VGG in Keras 3 on JAX: the layers of `keras.applications.VGG16`, compiled by `predict`."""

import os
from itertools import chain
from typing import Any

import numpy as np

from benchmarks.inputs import Network
from benchmarks.measure import Timed

os.environ["KERAS_BACKEND"] = "jax"  # read when Keras is first imported


def forward(network: Network, x: np.ndarray) -> Timed:
    """The output for preprocessed images (B, H, W, 3)."""
    model = frozen(network)
    return lambda: model.predict(x, batch_size=len(x), verbose=0)


def classifier(network: Network, kernel: np.ndarray) -> Any:
    """The frozen network with a new dense layer of this `kernel` (features, classes), compiled."""
    import keras

    base = frozen(network)
    head = keras.layers.Dense(kernel.shape[1])
    model = keras.Sequential([base, head])
    head.set_weights([kernel, np.zeros(kernel.shape[1], np.float32)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.RMSprop(1e-3), loss, metrics=["accuracy"])
    return model


def frozen(network: Network) -> Any:
    """The network until its layer as a Keras model that doesn't train."""
    import keras

    layers, side = keras.layers, network.config.image_size
    functions = {
        "convolution": lambda x, kernel, bias: layers.Conv2D(bias.size, 3, padding="same")(x),
        "pool": layers.MaxPooling2D(),
        "flatten": layers.Flatten(),
        "dense": lambda x, kernel, bias: layers.Dense(bias.size)(x),
        "relu": layers.ReLU(),
    }
    inputs = keras.Input((side, side, 3))
    outputs = network.apply(inputs, functions, network.params)
    model = keras.Model(inputs, outputs, trainable=False)
    arrays = [(each["kernel"], each["bias"]) for each in network.params.values()]
    model.set_weights([*chain.from_iterable(arrays)])
    return model
