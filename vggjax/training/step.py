"""The jitted train step and evaluation step: the same for features and for images."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.sharding import Mesh

from vggjax.errors import DataError
from vggjax.features.examples import Batch
from vggjax.features.forward import apply
from vggjax.model import Parameters
from vggjax.training.losses import Loss, cross_entropy
from vggjax.training.optimizer import unmasked


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
    """The mean `loss` over the batch's real examples, and the sums behind it.

    Raises DataError for a loss that doesn't give one number for each example.
    """
    logits = apply(graph, tree, batch.inputs, mesh)
    losses = loss(logits, batch.labels)
    if losses.shape != batch.labels.shape:  # a mean would count the padding as well
        raise DataError(
            f"A loss must give one number for each example, (B,), but it gives {losses.shape} for "
            f"{len(batch.labels)} examples."
        )
    answers = lax.argmax(logits, logits.ndim - 1, batch.labels.dtype)  # not JAX's 64-bit default
    hits = jnp.asarray(answers == batch.labels, jnp.float32)
    count = batch.weights.sum()
    sums = Sums((losses * batch.weights).sum(), (hits * batch.weights).sum(), count)
    return sums.loss / count, sums


@partial(jax.jit, static_argnames=("graph", "optimizer", "mesh", "loss"), donate_argnames="state")
def train_step(
    graph: Any,
    optimizer: optax.GradientTransformationExtraArgs,
    state: TrainState,
    batch: Batch,
    mesh: Mesh | None = None,
    loss: Loss = cross_entropy,
) -> tuple[TrainState, Sums]:
    """One step of `optimizer` on one batch; `state` is donated, its buffers are used again.

    `graph` is the chain's `nnx.graphdef`. Frozen parameters come out as they went in, and XLA
    drops their gradients: a step on a frozen network costs little more than its forward pass.
    `mesh` is that of the devices on which `state` and `batch` are, None for one device.
    The optimizer is told the batch's loss, too, as `value`, `grad` and `value_fn`.
    """
    mean_loss = partial(batch_loss, graph, mesh, loss, batch=batch)
    value_and_grad = jax.value_and_grad(mean_loss, has_aux=True)
    (value, sums), gradients = value_and_grad(state.parameters)

    def value_fn(trained: Parameters) -> jax.Array:
        return mean_loss(unmasked(trained, state.parameters))[0]

    told = {"value": value, "grad": gradients, "value_fn": value_fn}
    updates, moved = optimizer.update(gradients, state.optimizer, state.parameters, **told)
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
