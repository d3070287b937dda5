"""The jitted train step and evaluation step: the same for features and for images."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from vggjax.features.examples import Batch
from vggjax.features.forward import apply
from vggjax.model import Parameters
from vggjax.training.losses import Loss, cross_entropy


class TrainState(NamedTuple):
    """What a step changes: all parameters of the chain (frozen ones too), and the optimizer's."""

    parameters: Parameters
    optimizer: optax.OptState


class Sums(NamedTuple):
    """Loss and correct answers summed over examples, and how many examples there were."""

    loss: jax.Array
    correct: jax.Array
    examples: jax.Array


def batch_loss(
    graph: Any, mesh: Mesh | None, loss: Loss, tree: Parameters, batch: Batch
) -> tuple[jax.Array, Sums]:
    """The mean `loss` over the batch's real examples, and the sums behind it."""
    logits = apply(graph, tree, batch.inputs, mesh)
    losses = loss(logits, batch.labels)
    hits = jnp.asarray(logits.argmax(-1) == batch.labels, jnp.float32)
    count = batch.weights.sum()
    sums = Sums((losses * batch.weights).sum(), (hits * batch.weights).sum(), count)
    return sums.loss / count, sums


@partial(jax.jit, static_argnames=("graph", "optimizer", "mesh", "loss"), donate_argnames="state")
def train_step(
    graph: Any,
    optimizer: optax.GradientTransformation,
    state: TrainState,
    batch: Batch,
    mesh: Mesh | None = None,
    loss: Loss = cross_entropy,
) -> tuple[TrainState, Sums]:
    """One step of `optimizer` on one batch; `state` is donated, its buffers are used again.

    `graph` is the chain's `nnx.graphdef`. Frozen parameters come out as they went in, and XLA
    drops their gradients: a step on a frozen network costs little more than its forward pass.
    `mesh` is that of the devices on which `state` and `batch` are, None for one device.
    """
    mean_loss = partial(batch_loss, graph, mesh, loss)
    gradients, sums = jax.grad(mean_loss, has_aux=True)(state.parameters, batch)
    updates, moved = optimizer.update(gradients, state.optimizer, state.parameters)
    return TrainState(optax.apply_updates(state.parameters, updates), moved), sums


@partial(jax.jit, static_argnames=("graph", "mesh", "loss"))
def evaluation_step(
    graph: Any,
    tree: Parameters,
    batch: Batch,
    mesh: Mesh | None = None,
    loss: Loss = cross_entropy,
) -> Sums:
    """Loss and correct answers of one batch."""
    return batch_loss(graph, mesh, loss, tree, batch)[1]
