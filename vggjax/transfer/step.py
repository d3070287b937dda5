"""The jitted train step and evaluation step: the same for features and for images."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from vggjax.model import Parameters
from vggjax.transfer.examples import Batch


class TrainState(NamedTuple):
    """What a step changes: all parameters of the chain (frozen ones too), and the optimizer's."""

    parameters: Parameters
    optimizer: optax.OptState


class Sums(NamedTuple):
    """Loss and correct answers summed over examples, and how many examples there were."""

    loss: jax.Array
    correct: jax.Array
    examples: jax.Array


def batch_loss(graph: Any, tree: Parameters, batch: Batch) -> tuple[jax.Array, Sums]:
    """Mean softmax cross-entropy over the batch's real examples, and the sums behind it."""
    logits = nnx.merge(graph, tree)(batch.inputs)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels)
    hits = jnp.asarray(logits.argmax(-1) == batch.labels, jnp.float32)
    count = batch.weights.sum()
    sums = Sums((losses * batch.weights).sum(), (hits * batch.weights).sum(), count)
    return sums.loss / count, sums


@partial(jax.jit, static_argnums=(0, 1), donate_argnums=2)
def train_step(
    graph: Any, optimizer: optax.GradientTransformation, state: TrainState, batch: Batch
) -> tuple[TrainState, Sums]:
    """One step of `optimizer` on one batch; `state` is donated, its buffers are used again.

    `graph` is the chain's `nnx.graphdef`. Frozen parameters come out as they went in, and XLA
    drops their gradients: a step on a frozen network costs little more than its forward pass.
    """
    loss = partial(batch_loss, graph)
    gradients, sums = jax.grad(loss, has_aux=True)(state.parameters, batch)
    updates, moved = optimizer.update(gradients, state.optimizer, state.parameters)
    return TrainState(optax.apply_updates(state.parameters, updates), moved), sums


@partial(jax.jit, static_argnums=0)
def evaluation_step(graph: Any, tree: Parameters, batch: Batch) -> Sums:
    """Loss and correct answers of one batch."""
    return batch_loss(graph, tree, batch)[1]


@partial(jax.jit, static_argnums=0)
def forward_step(graph: Any, tree: Parameters, inputs: jax.Array) -> jax.Array:
    """The chain's output for one batch."""
    return nnx.merge(graph, tree)(inputs)
