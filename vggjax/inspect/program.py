"""The compiled programs of gradient ascent on a chunk of filters: the start, a step, the end."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax

from vggjax.inspect.parametrization import Fourier, Pixels
from vggjax.inspect.result import AscentConfig
from vggjax.model import COMPILER_OPTIONS

State = tuple[jax.Array, Any]  # the parameters of the inputs, and the optimizer's own


@dataclass(frozen=True)
class Plan:
    """What is fixed when the programs are compiled; `graph` is the `nnx.graphdef` of a Response."""

    graph: Any
    parametrization: Pixels | Fourier
    jitter: int
    border: int
    leak: float


def run_ascent(
    plan: Plan,
    weights: Any,
    config: AscentConfig,
    filters: np.ndarray,
    start: jax.Array | None,
    every: int | None,
) -> Iterator[tuple[jax.Array, jax.Array]]:
    """The inputs (n, S, S, 3) and losses (2, n, k + 1) after k steps, as `growing_ascents` says.

    The losses of the `filters` (n,) are their mean activations after and before ReLU, before each
    step and at the end. `start` are the parameters to begin with, if any.
    """
    chosen = jnp.asarray(filters)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(config.seed), chosen)
    state = _begin(plan, keys, start)
    losses: list[jax.Array] = []
    for number in range(config.steps):  # in a loop of XLA's own, a CPU's convolutions are slow
        if every and number and (number % every == 0 or number == every // 2):
            inputs, now = _end(plan, weights, chosen, state)
            yield inputs, jnp.stack([*losses, now], axis=-1)
        state, means = _step(plan, weights, chosen, keys, state, jnp.asarray(number, jnp.int32))
        losses.append(means)
    inputs, final = _end(plan, weights, chosen, state)
    yield inputs, jnp.stack([*losses, final], axis=-1)


@partial(jax.jit, static_argnums=0, compiler_options=COMPILER_OPTIONS)
def _begin(plan: Plan, keys: jax.Array, start: jax.Array | None) -> State:
    if start is None:
        x = jax.vmap(plan.parametrization.noise)(keys)
    else:
        x = jnp.broadcast_to(start[None], (len(keys), *start.shape))
    return x, jax.vmap(plan.parametrization.optimizer.init)(x)


@partial(jax.jit, static_argnums=0, donate_argnums=4, compiler_options=COMPILER_OPTIONS)
def _step(
    plan: Plan,
    weights: Any,
    filters: jax.Array,
    keys: jax.Array,
    state: State,
    number: jax.Array,
) -> tuple[State, jax.Array]:
    x, moments = state
    shifts = _shifts(keys, number, plan.jitter)
    loss = partial(_loss, plan, weights, filters)
    (_, means), gradient = jax.value_and_grad(loss, has_aux=True)(x, shifts)
    with jax.numpy_dtype_promotion("standard"):  # optax's own arithmetic needs it
        updates, moments = jax.vmap(plan.parametrization.optimizer.update)(gradient, moments, x)
    return (x + updates, moments), means


@partial(jax.jit, static_argnums=0, compiler_options=COMPILER_OPTIONS)
def _end(plan: Plan, weights: Any, filters: jax.Array, state: State) -> tuple[jax.Array, jax.Array]:
    x, _ = state
    _, means = _loss(plan, weights, filters, x, jnp.zeros((len(x), 2), jnp.int32))
    return jax.vmap(plan.parametrization.decode)(x), means


def _loss(
    plan: Plan, weights: Any, filters: jax.Array, x: jax.Array, shifts: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """What ascends, summed over the filters, and each filter's means after and before ReLU."""
    inputs = jax.vmap(plan.parametrization.decode)(x)
    inputs = _rolled(inputs, shifts) if plan.jitter else inputs
    images = plan.parametrization.space.to_network(inputs)
    maps = _without_border(nnx.merge(plan.graph, weights)(images, filters), plan.border)
    after, before = jax.nn.relu(maps).mean((1, 2)), maps.mean((1, 2))
    ascending = (1 - plan.leak) * after + plan.leak * before  # a leaky ReLU's mean
    return ascending.sum(), jnp.stack([after, before])


def _shifts(keys: jax.Array, step: jax.Array, jitter: int) -> jax.Array:
    """How far each image is rolled in this step, (n, 2): −jitter … jitter pixels."""
    own = jax.vmap(jax.random.fold_in, (0, None))(keys, step + 1)
    return jax.vmap(lambda key: jax.random.randint(key, (2,), -jitter, jitter + 1, jnp.int32))(own)


def _rolled(images: jax.Array, shifts: jax.Array) -> jax.Array:
    """Images (n, S, S, 3), each rolled by its own (rows, columns), the edges wrapped around."""
    return lax.map(lambda pair: jnp.roll(pair[0], pair[1], axis=(0, 1)), (images, shifts))


def _without_border(maps: jax.Array, border: int) -> jax.Array:
    """The inner part of maps (B, H, W)."""
    height, width = maps.shape[1:]
    return maps[:, border : height - border, border : width - border]
