"""Fine-tuning: the last convolutions trained on, together with the head that stands on them."""

from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
import scipy

from vggjax.errors import DataError, LayerError
from vggjax.evaluation import fit_temperature, log_loss
from vggjax.features import Examples, compute
from vggjax.features.devices import data_mesh
from vggjax.model import (
    Chain,
    JointHead,
    Parameters,
    learned_layers,
    parameters,
    with_parameters,
)
from vggjax.model.layers import Dense
from vggjax.training.checks import check_fit
from vggjax.training.config import FitConfig
from vggjax.training.fitting import OnEpoch, run
from vggjax.training.history import Epoch, Metrics
from vggjax.training.judging import calibrated
from vggjax.training.losses import cross_entropy
from vggjax.training.optimizer import gentle, layer_labels
from vggjax.training.resume import Place
from vggjax.training.run import Training

# On 40 classes of Caltech-101, behind a calibrated linear head, two or three such epochs lower the
# loss of new images by 4 % (4 images a class) and 17 % (16), while as many or more are right.
RECIPE = FitConfig(epochs=6, batch_size=16, learning_rate=5e-4, patience=2, evaluation_batch=64)


@dataclass(frozen=True, repr=False)
class FineTuned:
    """A tuned `chain`, from features at `layer` to calibrated logits, and what it was before.

    `before` and `after` are of the validation images. `kept_epoch` is 0 where no epoch was better
    than the start: then the chain is what it was.
    """

    layer: str
    chain: Chain
    before: Metrics
    after: Metrics
    history: tuple[Epoch, ...]
    kept_epoch: int

    def __repr__(self) -> str:
        epochs = f"epoch {self.kept_epoch} of {len(self.history)}"
        return f"FineTuned({self.chain!r} on {self.layer}, {epochs}: {self.before} → {self.after})"


def cut_before(backbone: Chain, unfreeze: str) -> tuple[Chain, Chain]:
    """The part of `backbone` that stays frozen, and the rest, from `unfreeze` on.

    That is a block, such as `block5`, or a layer. Raises LayerError if it isn't there, if nothing
    comes before it, or if no layer from it on has parameters.

    >>> import vggjax
    >>> frozen, tail = cut_before(vggjax.load_vgg("demo", until="block5_pool"), "block5")
    >>> frozen.names[-1], tail.names
    ('block4_pool', ('block5_conv1', 'block5_conv2', 'block5_conv3', 'block5_pool'))
    """
    of_block = [name for name in backbone.names if name.startswith(f"{unfreeze}_")]
    if not of_block and unfreeze not in backbone.names:
        ends = f"from {backbone.names[0]} to {backbone.names[-1]}"
        raise LayerError(f"There is no '{unfreeze}' to train before the head: it goes {ends}.")
    start = backbone.position(of_block[0] if of_block else unfreeze)
    if start == 0:
        raise LayerError(f"Nothing of the network comes before '{unfreeze}'.")
    frozen = backbone.until(backbone.names[start - 1])
    tail = backbone.after(frozen.names[-1])
    if not parameters(tail):
        raise LayerError(f"No layer of the network has parameters from '{unfreeze}' on.")
    return frozen, tail


def fine_tune(
    backbone: Chain,
    head: Chain | JointHead,
    train: Examples,
    validation: Examples,
    *,
    unfreeze: str = "block5",
    config: FitConfig = RECIPE,
    checkpoint: Place | None = None,
    on_epoch: OnEpoch | None = None,
) -> FineTuned:
    """Train `backbone` from the block or layer `unfreeze` on, together with the trained `head`.

    `head` stands on `backbone`'s last layer. The examples' inputs are features at the last layer
    that stays frozen, `cut_before(backbone, unfreeze)[0]`. The chain that comes out stands there,
    too: a `Classifier` of the two is saved with all that was tuned.

    Each step moves an array of parameters by the share `config.learning_rate` of its own length
    (see `vggjax.training.optimizer.gentle`). A head that is sure of its training images would
    learn nothing: it starts at the temperature that makes them as uncertain as the validation
    images are. Validation losses are at the best temperature, and the epoch in which they are least
    is kept; the start is one of them, so that fine-tuning never ends worse on these images.
    `checkpoint` and `on_epoch` are those of `vggjax.fit`.
    Raises LayerError as `cut_before` does, for a head that doesn't follow or is on several layers,
    and for another precision than float32; otherwise as `vggjax.fit` does.

    >>> import vggjax
    >>> backbone = vggjax.load_vgg("demo", until="block5_pool")
    >>> features = np.random.default_rng(0).random((12, 4, 4, 96), np.float32)
    >>> examples = vggjax.Examples(features, np.arange(12) % 3)
    >>> head = vggjax.softmax_head((2, 2, 96), classes=3, start="glorot")
    >>> tuned = fine_tune(backbone, head, examples, examples)
    >>> tuned.chain.names[0], tuned.after.loss <= tuned.before.loss
    ('block5_conv1', True)
    """
    chain, layer = _tunable(backbone, head, unfreeze)
    if validation is None:
        raise DataError("Fine-tuning needs validation examples: they decide which epoch is kept.")
    patience = config.epochs if config.patience is None else config.patience
    config = replace(config, keep="best", patience=patience)
    check_fit(chain, train, validation, config)
    before, start, softened = _starts(chain, train, validation, config)
    labels = layer_labels(chain, learned_layers(chain))
    optimizer, mesh = gentle(config.learning_rate), data_mesh()
    training = _Tuning(softened, train, validation, config, optimizer, labels, cross_entropy, mesh)
    result = run(training, on_epoch, checkpoint)
    after = result.history[result.kept_epoch - 1].validation
    if after is None or after.loss >= before.loss:
        return FineTuned(layer, start, before, before, result.history, 0)
    _, temperature = told(_logits(result.chain, validation, config), validation.labels)
    tuned = calibrated(result.chain, temperature)
    return FineTuned(layer, tuned, before, after, result.history, result.kept_epoch)


class _Tuning(Training):
    """Training whose validation loss is that at the best temperature."""

    def held_out(self, tree: Parameters) -> Metrics:
        assert self.validation is not None
        own = jax.tree.map(lambda leaf: leaf.addressable_data(0), tree)
        logits = _logits(with_parameters(self.chain, own), self.validation, self.config)
        return told(logits, self.validation.labels)[0]


def _starts(
    chain: Chain, train: Examples, validation: Examples, config: FitConfig
) -> tuple[Metrics, Chain, Chain]:
    """What the validation images say of `chain`; the chain calibrated, and softened to be tuned."""
    before, temperature = told(_logits(chain, validation, config), validation.labels)
    softer = softening(_logits(chain, train, config), train.labels, before.loss, temperature)
    return before, calibrated(chain, temperature), calibrated(chain, softer)


def told(logits: np.ndarray, labels: np.ndarray) -> tuple[Metrics, float]:
    """Loss and accuracy of logits (N, C) at their best temperature, and that temperature."""
    temperature = fit_temperature(logits, labels)
    accuracy = float((logits.argmax(axis=1) == labels).mean())
    return Metrics(log_loss(logits, labels, temperature), accuracy), temperature


def softening(logits: np.ndarray, labels: np.ndarray, loss: float, least: float) -> float:
    """The temperature, `least` or above, at which the logits (N, C) have the given mean `loss`.

    If it is higher already at `least`, that is taken.
    """
    highest = least * 1e4

    def excess(temperature: float) -> float:
        return log_loss(logits, labels, temperature) - loss

    if excess(least) >= 0 or excess(highest) <= 0:
        return least
    return float(scipy.optimize.brentq(excess, least, highest))


def _logits(chain: Chain, examples: Any, config: FitConfig) -> np.ndarray:
    return compute(chain, examples.inputs, config.evaluation_batch or config.batch_size)


def _tunable(backbone: Chain, head: Chain | JointHead, unfreeze: str) -> tuple[Chain, str]:
    """The chain to train, and the layer that it stands on."""
    if not isinstance(head, Chain):
        raise LayerError("Fine-tuning takes a head on one layer, not on several.")
    last = head[head.names[-1]] if head.names else None
    if not isinstance(last, Dense) or last.relu:
        raise LayerError("Fine-tuning takes a head that ends in a dense layer without ReLU.")
    if (backbone.dtype, head.dtype) != ("float32", "float32"):
        raise LayerError("Fine-tuning needs a network in float32: others have no useful gradient.")
    frozen, tail = cut_before(backbone, unfreeze)
    return tail.then(head), frozen.names[-1]
