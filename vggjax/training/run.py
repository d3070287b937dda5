"""One training: its state, its epochs, and what it is told from others by."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh

from vggjax.features.devices import device_batches, replicated
from vggjax.features.examples import Batch, Examples
from vggjax.model import Chain, Parameters, chain_digest, parameters, with_parameters
from vggjax.training.checks import check_loss
from vggjax.training.config import FitConfig
from vggjax.training.history import Epoch, FitResult, Metrics, best_epoch, mean_metrics
from vggjax.training.losses import Loss
from vggjax.training.optimizer import TRAINED, Labels, adjustable_rmsprop, partition, with_rate
from vggjax.training.resume import Progress, run_digest
from vggjax.training.step import TrainState, evaluation_step, train_step


@dataclass(frozen=True)
class Training:
    """One call of `fit`: what is trained on what, and how."""

    chain: Chain
    train: Examples
    validation: Examples | None
    config: FitConfig
    optimizer: optax.GradientTransformation | None
    labels: Labels
    loss: Loss
    mesh: Mesh | None

    @cached_property
    def graph(self) -> Any:
        """The chain without its parameters, for the steps."""
        return nnx.graphdef(self.chain)

    @cached_property
    def moving(self) -> optax.GradientTransformationExtraArgs:
        """The optimizer, partitioned."""
        return partition(self.optimizer or adjustable_rmsprop(), self.labels)

    @property
    def trained(self) -> list[str]:
        """The layers that are trained."""
        return [name for name, label in self.labels if label == TRAINED]

    def begin(self) -> Progress:
        """The state before the first epoch: copies, since steps are given its buffers.

        An optimizer may begin with the parameters themselves, or with an array of its own.
        """
        tree = parameters(self.chain)
        started = self.moving.init(tree)
        if self.optimizer is None:
            started = with_rate(started, self.config.learning_rate)
        state = jax.tree.map(jnp.copy, TrainState(tree, started))
        return Progress(replicated(state, self.mesh))

    def run_epoch(self, progress: Progress) -> Epoch:
        """Train for one more epoch, whose row the history gets; the state before is overwritten."""
        number, sums, held_out = len(progress.history) + 1, [], None
        for batch in self._batches(number):
            step = (self.graph, self.moving, progress.state, batch, self.mesh, self.loss)
            progress.state, step_sums = train_step(*step)
            sums.append(step_sums)
        metrics = mean_metrics(sums)
        check_loss(metrics.loss, self.train, "training")
        if self.validation is not None:
            held_out = self.held_out(progress.state.parameters)
            check_loss(held_out.loss, self.validation, "validation")
        epoch = Epoch(number, metrics, held_out)
        progress.history.append(epoch)
        keeps_best = self.config.patience is not None and self.config.keep == "best"
        if keeps_best and best_epoch(progress.history, self.config.min_delta) == number:
            moved = {name: progress.state.parameters[name] for name in self.trained}
            progress.best = jax.tree.map(jnp.copy, moved)
        return epoch

    def held_out(self, tree: Parameters) -> Metrics:
        """What the validation examples say of the parameters `tree`."""
        assert self.validation is not None
        size = self.config.evaluation_batch or self.config.batch_size
        return mean_over(self.graph, tree, self.validation, size, self.mesh, self.loss)

    def result(self, progress: Progress) -> FitResult:
        """The chain with the last parameters, or the best if early stopping kept them."""
        history, best = tuple(progress.history), progress.best
        kept = len(history) if best is None else best_epoch(history, self.config.min_delta)
        tree = {**progress.state.parameters, **(best or {})}
        final = jax.tree.map(lambda leaf: leaf.addressable_data(0), tree)
        return FitResult(with_parameters(self.chain, final), history, kept)

    def digest(self) -> str:
        """What this training is told from others by: all that its course depends on.

        The text of the compiled step has the optimizer's and the loss's formulas and constants.
        """
        progress = self.begin()
        (batch,) = self._batches(1, self.config.batch_size)
        step = train_step.lower(
            self.graph, self.moving, progress.state, batch, self.mesh, self.loss
        )
        facts = (step.as_text(), chain_digest(self.chain), repr(self.config))
        return run_digest(*facts, self.train, self.validation, state=progress.state.optimizer)

    def _batches(self, number: int, count: int | None = None) -> Iterator[Batch]:
        """The batches of an epoch, or of its first `count` examples."""
        order = np.arange(len(self.train))
        if number > 1 or not self.config.first_epoch_in_order:
            order = np.random.default_rng([self.config.seed, number]).permutation(order)
        return device_batches(self.train, self.config.batch_size, order[:count], self.mesh)


def mean_over(
    graph: Any, tree: Parameters, examples: Examples, size: int, mesh: Mesh | None, loss: Loss
) -> Metrics:
    """Loss and accuracy of the chain `graph` with the parameters `tree`, over all examples."""
    steps = device_batches(examples, size, None, mesh)
    return mean_metrics(evaluation_step(graph, tree, batch, mesh, loss) for batch in steps)
