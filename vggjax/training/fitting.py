"""Training: epochs, early stopping and history around the train step."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh

from vggjax.errors import DataError
from vggjax.features.devices import data_mesh, device_batches, replicated
from vggjax.features.examples import Examples
from vggjax.model import Chain, Parameters, parameters, with_parameters
from vggjax.training.config import FitConfig
from vggjax.training.losses import Loss, cross_entropy
from vggjax.training.optimizer import layer_labels, partition, rmsprop
from vggjax.training.step import Sums, TrainState, evaluation_step, train_step


@dataclass(frozen=True)
class Metrics:
    """Mean cross-entropy (nats) and accuracy (0–1) over a set of examples."""

    loss: float
    accuracy: float


@dataclass(frozen=True)
class Epoch:
    """One row of the history; `train` is averaged over the epoch while the parameters moved."""

    number: int
    train: Metrics
    validation: Metrics | None


@dataclass(frozen=True)
class FitResult:
    """A trained chain, its history, and the epoch (from 1) whose parameters it has."""

    chain: Chain
    history: tuple[Epoch, ...]
    kept_epoch: int


def fit(
    chain: Chain,
    train: Examples,
    validation: Examples | None = None,
    config: FitConfig | None = None,
    *,
    trained: Collection[str] | None = None,
    optimizer: optax.GradientTransformation | None = None,
    loss: Loss = cross_entropy,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> FitResult:
    """Train the layers `trained` of `chain` (None: all of them) by softmax cross-entropy.

    The chain gives logits (B, classes). Its inputs are whatever it starts with: cached features
    for a head alone, images for a whole network. `optimizer` defaults to Keras' RMSprop; it only
    ever sees the trained layers; `loss` defaults to the plain cross-entropy. `chain` itself is left
    as it was. Each batch is shared by all devices of all processes, which must call this together.
    Raises LayerError for layers that can't be trained, DataError for early stopping without
    validation examples or for a loss that is no longer finite.

    >>> import vggjax
    >>> examples = vggjax.Examples(np.eye(4, dtype=np.float32), np.array([0, 1, 1, 0]))
    >>> head = vggjax.softmax_head((4,), classes=2)
    >>> result = vggjax.fit(head, examples, config=vggjax.FitConfig(learning_rate=0.1))
    >>> vggjax.evaluate(result.chain, examples).accuracy
    1.0
    """
    config = config or FitConfig()
    if config.patience is not None and validation is None:
        raise DataError("Early stopping needs validation examples.")
    labels = layer_labels(chain, parameters(chain) if trained is None else trained)
    partitioned = partition(optimizer or rmsprop(config.learning_rate), labels)
    history, best = [], None
    for epoch, tree in _epochs(chain, train, validation, config, partitioned, loss):
        history.append(epoch)
        if on_epoch:
            on_epoch(epoch)
        waited = epoch.number - _best_epoch(history, config.min_delta)
        if waited == 0 and config.patience is not None and config.keep == "best":
            best = jax.tree.map(jnp.copy, tree)
        if config.ends_after(waited):
            break
    kept = len(history) if best is None else _best_epoch(history, config.min_delta)
    final = jax.tree.map(lambda leaf: leaf.addressable_data(0), best or tree)
    return FitResult(with_parameters(chain, final), tuple(history), kept)


def evaluate(
    chain: Chain, examples: Examples, batch_size: int = 32, loss: Loss = cross_entropy
) -> Metrics:
    """Loss and accuracy of a chain that gives logits; all processes must call this together."""
    mesh = data_mesh()
    tree = replicated(parameters(chain), mesh)
    return _evaluate(nnx.graphdef(chain), tree, examples, batch_size, mesh, loss)


def _evaluate(
    graph: Any, tree: Parameters, examples: Examples, size: int, mesh: Mesh | None, loss: Loss
) -> Metrics:
    steps = device_batches(examples, size, None, mesh)
    return _mean(evaluation_step(graph, tree, batch, mesh, loss) for batch in steps)


def _epochs(
    chain: Chain,
    train: Examples,
    validation: Examples | None,
    config: FitConfig,
    optimizer: optax.GradientTransformation,
    loss: Loss,
) -> Iterator[tuple[Epoch, Parameters]]:
    """Each epoch when it has ended, and the parameters then, which the next one overwrites."""
    graph, mesh = nnx.graphdef(chain), data_mesh()
    tree = jax.tree.map(jnp.copy, parameters(chain))
    state = replicated(TrainState(tree, optimizer.init(tree)), mesh)
    for number in range(1, config.epochs + 1):
        order = np.arange(len(train))
        if number > 1 or not config.first_epoch_in_order:
            order = np.random.default_rng([config.seed, number]).permutation(order)
        sums, held_out = [], None
        for batch in device_batches(train, config.batch_size, order, mesh):
            state, step_sums = train_step(graph, optimizer, state, batch, mesh, loss)
            sums.append(step_sums)
        metrics = _mean(sums)
        if not math.isfinite(metrics.loss):
            raise DataError("The training loss is no longer finite; try a lower learning rate.")
        if validation:
            size = config.evaluation_batch or config.batch_size
            held_out = _evaluate(graph, state.parameters, validation, size, mesh, loss)
        yield Epoch(number, metrics, held_out), state.parameters


def _mean(sums: Iterable[Sums]) -> Metrics:
    # Summed on the host in float64: a float32 sum of many batches would lose digits.
    loss, correct, count = np.asarray(jax.device_get(list(sums)), np.float64).sum(axis=0)
    return Metrics(float(loss / count), float(correct / count))


def _best_epoch(history: list[Epoch], min_delta: float) -> int:
    """The epoch whose validation loss last fell by more than `min_delta` below the best before."""
    best, number = math.inf, 1
    for epoch in history:
        if epoch.validation and epoch.validation.loss < best - min_delta:
            best, number = epoch.validation.loss, epoch.number
    return number
