"""The optimizers' steps, beside ones written out in NumPy."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from vggjax.features import Examples
from vggjax.model import Chain, parameters, softmax_head
from vggjax.model.layers import Dense
from vggjax.training import FitConfig, fit, keras1_rmsprop, rmsprop
from vggjax.training.step import train_step

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


FROZEN_KERNEL = np.diag([1, -1, 0.5]).astype(np.float32)
RNG = np.random.default_rng(4)
LABELS = np.arange(12) % 3
ROWS = (RNG.normal(size=(12, 3)) + 2 * np.eye(3)[LABELS] * [1, -1, 2]).astype(np.float32)
OPTIMIZERS = {
    "plateau": optax.chain(
        optax.sgd(3.0), optax.contrib.reduce_on_plateau(factor=0.5, patience=0, cooldown=0)
    ),
    "lbfgs": optax.lbfgs(memory_size=3),
    "schedule": optax.sgd(optax.exponential_decay(1.0, 2, 0.5), momentum=0.9),
}


def alone(optimizer, steps):
    """The head's parameters and losses by Optax alone, on what the frozen layer gives."""
    x = jnp.asarray(ROWS @ FROZEN_KERNEL)

    def loss(params):
        logits = x @ params["kernel"] + params["bias"][None]
        return optax.softmax_cross_entropy_with_integer_labels(logits, LABELS).mean()

    @jax.jit
    def step(params, state):
        value, grad = jax.value_and_grad(loss)(params)
        told = {"value": value, "grad": grad, "value_fn": loss}
        update = optax.with_extra_args_support(optimizer).update
        updates, state = update(grad, state, params, **told)
        return optax.apply_updates(params, updates), state, value

    params, losses = {"kernel": jnp.zeros((3, 3)), "bias": jnp.zeros(3)}, []
    state = optimizer.init(params)
    for _ in range(steps):
        params, state, value = step(params, state)
        losses.append(float(value))
    return params, losses


@pytest.fixture
def optax_s_own_types():
    """Some of Optax's code mixes types of numbers."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.mark.usefixtures("optax_s_own_types")
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_an_optimizer_is_told_the_loss_inside_of_the_partition(optimizer):
    frozen = Chain({"fixed": Dense(jnp.asarray(FROZEN_KERNEL), jnp.zeros(3))})
    chain = frozen.then(softmax_head((3,), 3))
    config = FitConfig(epochs=6, batch_size=12)
    result = fit(
        chain, Examples(ROWS, LABELS), config=config, trained=["head"], optimizer=optimizer
    )
    expected, losses = alone(optimizer, 6)
    found = parameters(result.chain)
    np.testing.assert_allclose([e.train.loss for e in result.history], losses, rtol=1e-4)
    for role, array in expected.items():
        np.testing.assert_allclose(found["head"][role], array, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(found["fixed"]["kernel"], FROZEN_KERNEL)


@pytest.mark.parametrize("rate", [1e-3, 0.05])
def test_the_default_is_rmsprop_at_the_configured_rate(rate):
    head, examples = softmax_head((3,), 3), Examples(ROWS, LABELS)
    config = FitConfig(epochs=3, batch_size=5, learning_rate=rate)
    default = fit(head, examples, config=config)
    named = fit(head, examples, config=config, optimizer=rmsprop(rate))
    assert default.history == named.history
    for a, b in zip(*(jax.tree.leaves(parameters(r.chain)) for r in (default, named)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.usefixtures("optax_s_own_types")
def test_the_same_objects_compile_once():
    examples, head = Examples(ROWS, LABELS), softmax_head((3,), 3)
    adam, config = optax.adam(1e-2), FitConfig(epochs=2, batch_size=5)

    def squared(logits, labels):
        return ((jax.nn.softmax(logits) - jax.nn.one_hot(labels, 3)) ** 2).sum(-1)

    def compiled(config=config, **how):
        before = train_step._cache_size()
        fit(head, examples, examples, config, **how)
        return train_step._cache_size() - before

    own = {"optimizer": adam, "loss": squared}
    assert [compiled(**own), compiled(**own)] == [1, 0]
    compiled()
    assert compiled() == 0, "the default, whoever asks for it"
    assert compiled(replace(config, learning_rate=0.3)) == 0, "at whatever rate"
    assert compiled(optimizer=optax.adam(1e-2)) == 1, "an equal optimizer is another one"
