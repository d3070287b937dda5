"""Training: epochs, early stopping and history around the train step."""

from collections.abc import Callable, Collection

import numpy as np
import optax
from flax import nnx

from vggjax.features.devices import data_mesh, replicated
from vggjax.features.examples import Examples
from vggjax.interrupts import keeping
from vggjax.model import Chain, parameters
from vggjax.training.checks import check_examples, check_fit, check_optimizer
from vggjax.training.config import FitConfig
from vggjax.training.history import Epoch, FitResult, Metrics, has_ended, shown
from vggjax.training.losses import Loss, cross_entropy
from vggjax.training.optimizer import layer_labels
from vggjax.training.resume import Checkpoint, Place
from vggjax.training.run import Training, mean_over

OnEpoch = Callable[[Epoch], None]


def fit(
    chain: Chain,
    train: Examples,
    validation: Examples | None = None,
    config: FitConfig | None = None,
    *,
    trained: Collection[str] | None = None,
    optimizer: optax.GradientTransformation | None = None,
    loss: Loss = cross_entropy,
    on_epoch: OnEpoch | None = None,
    checkpoint: Place | None = None,
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

    With `checkpoint`, a folder, the state is kept there after every epoch (short ones: every few
    seconds) until training has ended. The same call again then goes on with it, and ends with the
    same bits as if it had not been interrupted; `on_epoch` gets the epochs that are done, too.
    With `Lasting(folder)` it stays there, so that several trainings in turn repeat none.
    It is the same if chain, parameters, examples, optimizer, loss and `config` are; the state of
    another training is replaced.

    Raises LayerError for layers that can't be trained and inputs that the chain can't take,
    DataError for labels beyond the chain's classes, early stopping without validation examples and
    a loss that is not finite, WeightsError for a checkpoint that can't be written. Warns
    (VggjaxWarning) of images that aren't in 0–255, where the chain starts with `preprocess`.

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
    training = Training(chain, train, validation, config, optimizer, labels, loss, data_mesh())
    return run(training, on_epoch, checkpoint)


def run(training: Training, on_epoch: OnEpoch | None, checkpoint: Place | None) -> FitResult:
    """Epoch after epoch, from the start or from a checkpoint; see `fit`."""
    progress, saved = training.begin(), None
    if checkpoint is not None:
        saved = Checkpoint(checkpoint, training.digest, training.trained)
        progress = saved.restored(progress)
        progress.state = replicated(progress.state, training.mesh)
    kept = keeping(lambda: saved.kept if saved else "")
    with shown(training.config.epochs, on_epoch) as show, kept:
        for epoch in progress.history:
            show(epoch)
        while not has_ended(progress.history, training.config):
            epoch = training.run_epoch(progress)
            if saved:
                saved.save(progress)
            show(epoch)
    if saved:
        saved.end(progress)
    return training.result(progress)


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
    metrics = mean_over(nnx.graphdef(chain), tree, examples, batch_size, mesh, loss)
    if not np.isfinite(metrics.loss):
        examples.require_finite()
    return metrics
