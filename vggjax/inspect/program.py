"""The compiled program of gradient ascent: all steps of a chunk of filters."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax

from vggjax.inspect.parametrization import Parametrization
from vggjax.inspect.response import responses
from vggjax.inspect.result import AscentConfig
from vggjax.inspect.space import InputSpace
from vggjax.model import Chain, Parameters, parameters
from vggjax.model.layers import Convolution


@dataclass(frozen=True)
class Plan:
    """What is fixed when the program is compiled."""

    graph: Any
    way: Parametrization
    space: InputSpace
    steps: int
    jitter: int
    border: int


@dataclass(frozen=True)
class Program:
    """A plan, and the weights it runs on: those before the layer, and the layer's own."""

    plan: Plan
    before: Parameters = field(repr=False)
    last: dict[str, Any] = field(repr=False)

    @classmethod
    def of(
        cls,
        before: Chain,
        last: Convolution,
        way: Parametrization,
        space: InputSpace,
        config: AscentConfig,
    ) -> "Program":
        """The program for the filters of `last`, which gets the output of `before`."""
        graph = nnx.graphdef(before)
        plan = Plan(graph, way, space, config.steps, config.jitter, config.border)
        weights = {"kernel": last.kernel[...], "bias": last.bias[...]}
        return cls(plan, parameters(before), weights)


def climb(
    program: Program, seed: int, filters: np.ndarray, rescue: bool, start: jax.Array | None
) -> tuple[jax.Array, jax.Array]:
    """All steps for `filters` (n,): the inputs (n, S, S, 3) and the losses (n, steps + 1).

    The losses are the mean activations after ReLU before each step and at the end. With `rescue`
    the value before ReLU is what ascends. `start` are the parameters to begin with, if any.
    """
    plan, weights = program.plan, (program.before, program.last)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), jnp.asarray(filters))
    aim = jnp.asarray(filters), jnp.asarray(rescue)
    place, losses = _begin(plan, keys, start), []
    for number in range(plan.steps):  # in a loop of XLA's own, a CPU's convolutions are slow
        place, activations = _step(plan, weights, aim, keys, place, jnp.asarray(number))
        losses.append(activations)
    inputs, final = _end(plan, weights, aim, place)
    return inputs, jnp.stack([*losses, final], axis=1)


Weights = tuple[Parameters, dict[str, jax.Array]]
Aim = tuple[jax.Array, jax.Array]  # the filters, and whether they are to be rescued
Place = tuple[jax.Array, Any]  # the parameters of the inputs, and the optimizer's state


@partial(jax.jit, static_argnums=0)
def _begin(plan: Plan, keys: jax.Array, start: jax.Array | None) -> Place:
    x = _starts(plan.way, keys, start)
    return x, jax.vmap(plan.way.optimizer.init)(x)


@partial(jax.jit, static_argnums=0, donate_argnums=4)
def _step(
    plan: Plan, weights: Weights, aim: Aim, keys: jax.Array, place: Place, number: jax.Array
) -> tuple[Place, jax.Array]:
    x, state = place
    shifts = _shifts(keys, number, plan.jitter)
    loss = partial(_loss, plan, weights, aim)
    (_, activations), gradient = jax.value_and_grad(loss, has_aux=True)(x, shifts)
    updates, state = jax.vmap(plan.way.optimizer.update)(gradient, state)
    return (x + updates, state), activations


@partial(jax.jit, static_argnums=0)
def _end(plan: Plan, weights: Weights, aim: Aim, place: Place) -> tuple[jax.Array, jax.Array]:
    x, _ = place
    _, final = _loss(plan, weights, aim, x, jnp.zeros((len(x), 2), jnp.int32))
    return jax.vmap(plan.way.decode)(x), final


def _loss(
    plan: Plan, weights: Weights, aim: Aim, x: jax.Array, shifts: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """What ascends, summed over the filters, and each filter's mean activation."""
    (before, last), (filters, rescue) = weights, aim
    inputs = jax.vmap(plan.way.decode)(x)
    inputs = _rolled(inputs, shifts) if plan.jitter else inputs
    features = nnx.merge(plan.graph, before)(plan.space.to_network(inputs))
    maps = _without_border(responses(features, last, filters), plan.border)
    activations = jax.nn.relu(maps).mean((1, 2))
    return jnp.where(rescue, maps.mean((1, 2)), activations).sum(), activations


def _starts(way: Parametrization, keys: jax.Array, start: jax.Array | None) -> jax.Array:
    if start is None:
        return jax.vmap(way.noise)(keys)
    return jnp.broadcast_to(start[None], (len(keys), *start.shape))


def _shifts(keys: jax.Array, step: jax.Array, jitter: int) -> jax.Array:
    """How far each image is rolled in this step, (n, 2): −jitter … jitter pixels."""

    def draw(key: jax.Array) -> jax.Array:
        own = jax.random.fold_in(key, step + 1)
        return jax.random.randint(own, (2,), -jitter, jitter + 1)

    return jax.vmap(draw)(keys)


def _rolled(images: jax.Array, shifts: jax.Array) -> jax.Array:
    """Images (n, S, S, 3), each rolled by its own (rows, columns), the edges wrapped around."""
    return lax.map(lambda pair: jnp.roll(pair[0], pair[1], axis=(0, 1)), (images, shifts))


def _without_border(maps: jax.Array, border: int) -> jax.Array:
    """The inner part of maps (B, H, W)."""
    height, width = maps.shape[1:]
    return maps[:, border : height - border, border : width - border]
