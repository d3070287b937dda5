"""Training: epochs, early stopping and history around the train step."""

from collections.abc import Callable, Collection, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh

from vggjax.features.devices import data_mesh, device_batches, replicated
from vggjax.features.examples import Examples
from vggjax.model import Chain, Parameters, parameters, with_parameters
from vggjax.training.checks import check_examples, check_fit, check_loss, check_optimizer
from vggjax.training.config import FitConfig
from vggjax.training.history import Epoch, FitResult, Metrics, best_epoch, mean_metrics, shown
from vggjax.training.losses import Loss, cross_entropy
from vggjax.training.optimizer import Labels, adjustable_rmsprop, layer_labels, partition, with_rate
from vggjax.training.step import TrainState, evaluation_step, train_step, unshared


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
    for a head alone, images for a whole network. `chain` itself is left as it was. Each batch is
    shared by all devices of all processes, which must call this together.

    `optimizer` defaults to Keras' RMSprop; it only ever sees the trained layers, and of each batch
    the loss as well, if it asks for it (as `optax.contrib.reduce_on_plateau` and `optax.lbfgs`
    do). `loss` defaults to the plain cross-entropy. A step is compiled once for each optimizer and
    loss, for the default once for all learning rates: give the same objects again in a second
    call, since another one that does the same is compiled anew.
    `on_epoch` is called with each epoch when it has ended; without, a bar shows how far training
    is, if it takes more than some seconds.

    Raises LayerError for layers that can't be trained and inputs that the chain can't take,
    DataError for labels beyond the chain's classes, early stopping without validation examples and
    a loss that is not finite. Warns (VggjaxWarning) of images that aren't in 0–255, where the chain
    starts with the network's `preprocess`.

    >>> import vggjax
    >>> examples = vggjax.Examples(np.eye(4, dtype=np.float32), np.array([0, 1, 1, 0]))
    >>> head = vggjax.softmax_head((4,), classes=2)
    >>> result = vggjax.fit(head, examples, config=vggjax.FitConfig(learning_rate=0.1))
    >>> vggjax.evaluate(result.chain, examples).accuracy
    1.0
    """
    config = config or FitConfig()
    check_fit(chain, train, validation, config)
    check_optimizer(optimizer)
    labels = layer_labels(chain, parameters(chain) if trained is None else trained)
    epochs = _epochs(chain, train, validation, config, optimizer, labels, loss)
    history, best = [], None
    with shown(config.epochs, on_epoch) as show:
        for epoch, tree in epochs:
            history.append(epoch)
            show(epoch)
            waited = epoch.number - best_epoch(history, config.min_delta)
            if waited == 0 and config.patience is not None and config.keep == "best":
                best = jax.tree.map(jnp.copy, tree)
            if config.ends_after(waited):
                break
    kept = len(history) if best is None else best_epoch(history, config.min_delta)
    final = jax.tree.map(lambda leaf: leaf.addressable_data(0), best or tree)
    return FitResult(with_parameters(chain, final), tuple(history), kept)


def evaluate(
    chain: Chain, examples: Examples, batch_size: int = 32, loss: Loss = cross_entropy
) -> Metrics:
    """Loss and accuracy of a chain that gives logits; all processes must call this together.

    Raises LayerError and DataError as `fit` does, but returns a loss that isn't finite unless that
    comes from the inputs.
    """
    check_examples(chain, examples)
    mesh = data_mesh()
    tree = replicated(parameters(chain), mesh)
    metrics = _evaluate(nnx.graphdef(chain), tree, examples, batch_size, mesh, loss)
    if not np.isfinite(metrics.loss):
        examples.require_finite()
    return metrics


def _evaluate(
    graph: Any, tree: Parameters, examples: Examples, size: int, mesh: Mesh | None, loss: Loss
) -> Metrics:
    steps = device_batches(examples, size, None, mesh)
    return mean_metrics(evaluation_step(graph, tree, batch, mesh, loss) for batch in steps)


def _epochs(
    chain: Chain,
    train: Examples,
    validation: Examples | None,
    config: FitConfig,
    optimizer: optax.GradientTransformation | None,
    labels: Labels,
    loss: Loss,
) -> Iterator[tuple[Epoch, Parameters]]:
    """Each epoch when it has ended, and the parameters then, which the next one overwrites."""
    graph, mesh = nnx.graphdef(chain), data_mesh()
    tree = jax.tree.map(jnp.copy, parameters(chain))
    moving = partition(optimizer or adjustable_rmsprop(), labels)
    started = moving.init(tree)
    if optimizer is None:
        started = with_rate(started, config.learning_rate)
    state = replicated(unshared(TrainState(tree, started)), mesh)
    for number in range(1, config.epochs + 1):
        order = np.arange(len(train))
        if number > 1 or not config.first_epoch_in_order:
            order = np.random.default_rng([config.seed, number]).permutation(order)
        sums, held_out = [], None
        for batch in device_batches(train, config.batch_size, order, mesh):
            state, step_sums = train_step(graph, moving, state, batch, mesh, loss)
            sums.append(step_sums)
        metrics = mean_metrics(sums)
        check_loss(metrics.loss, train, "training")
        if validation is not None:
            size = config.evaluation_batch or config.batch_size
            held_out = _evaluate(graph, state.parameters, validation, size, mesh, loss)
            check_loss(held_out.loss, validation, "validation")
        yield Epoch(number, metrics, held_out), state.parameters
