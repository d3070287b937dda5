"""The optimizers' steps, beside ones written out in NumPy."""

import numpy as np
import optax
import pytest

from vggjax.training import keras1_rmsprop, rmsprop

RATE = 1e-3


def keras1_steps(parameters, gradients):
    """Keras 1.x, `RMSprop.get_updates`: a = ρ a + (1 − ρ) g²; p −= lr · g / (√a + ε)."""
    average = np.zeros_like(parameters)
    rate, rho, epsilon = np.float32(RATE), np.float32(0.9), np.float32(1e-8)
    for g in gradients:
        average = rho * average + (np.float32(1) - rho) * g * g
        parameters = parameters - rate * g / (np.sqrt(average) + epsilon)
    return parameters


def optax_steps(optimizer, parameters, gradients):
    state = optimizer.init(parameters)
    for g in gradients:
        updates, state = optimizer.update(g, state, parameters)
        parameters = optax.apply_updates(parameters, updates)
    return np.asarray(parameters)


def test_keras_1_s_steps_are_those_of_its_formula():
    """20 steps, with gradients from 1 down to 1e-9, where the epsilon counts."""
    rng = np.random.default_rng(0)
    sizes = np.logspace(-9, 0, 50, dtype=np.float32)
    gradients = (sizes * rng.normal(size=(20, 50))).astype(np.float32)
    start = rng.normal(size=50).astype(np.float32)
    ours = optax_steps(keras1_rmsprop(RATE), start, gradients)
    np.testing.assert_allclose(ours, keras1_steps(start, gradients), rtol=1e-6, atol=1e-7)
    assert ours.dtype == np.float32


@pytest.mark.parametrize(
    ("gradient", "keras1", "keras3"),
    # the first step over the rate: g / (√0.1 g + 1e-8), and g / √(0.1 g² + 1e-7)
    [(1.0, 3.16228, 3.16228), (1e-4, 3.16128, 0.314658), (1e-8, 0.759747, 3.16228e-5)],
)
def test_small_gradients_move_a_head_further_in_keras_1(gradient, keras1, keras3):
    gradients = np.full((1, 1), gradient, np.float32)
    for optimizer, expected in ((keras1_rmsprop, keras1), (rmsprop, keras3)):
        moved = -optax_steps(optimizer(RATE), np.zeros(1, np.float32), gradients)
        np.testing.assert_allclose(moved / np.float32(RATE), expected, rtol=1e-4)
