"""Heads on the features of any layer: made, trained and measured (rows C1, C5, U5, B1)."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import optax

from vggjax.features import compute
from vggjax.model import Chain, JointHead, count_parameters, learned_layers
from vggjax.model.heads import Start, dense_head, flat_width, flattening
from vggjax.training.config import FitConfig
from vggjax.training.finetune import RECIPE, fine_tune
from vggjax.training.fitting import evaluate, fit
from vggjax.training.history import Epoch
from vggjax.training.judging import Judgement, calibrated, judge
from vggjax.training.losses import Loss, cross_entropy
from vggjax.training.parts import PARTS, Parts
from vggjax.training.record import Record, TrainedHead
from vggjax.training.resume import Place
from vggjax.training.standardize import standardizing

# Features that vary less than most are not blown up. On the demo set and on photographs, from 2 to
# 32 images per class, as many new images are right as with a floor of 0.3, or up to 4 points more.
DEVIATION_FLOOR = 1.0


def layer_head(
    features: Any,
    classes: int,
    *,
    pool: bool = False,
    standardize: bool = False,
    seed: int = 0,
    start: Start = "zero",
) -> Chain:
    """A new head for a layer's training `features` (N, *shape): flattened, or pooled first.

    Layers `head_pool` (with `pool`), `head_flatten`, `head_standardize` (with `standardize`: mean
    and deviation of these very features, streamed; see `standardizing`, floor DEVIATION_FLOOR) and
    the dense `head`, from `start` as in `vggjax.softmax_head`.
    Raises LayerError if the features can't be pooled, for fewer than 2 classes or another start.
    """
    shape = features.shape[1:]
    rows = flattening(shape, pool=pool)
    dense = dense_head(flat_width(shape, pool=pool), classes, seed, start=start)
    if not standardize:
        return rows.then(dense)
    standardize_layer = standardizing(features, rows, floor=DEVIATION_FLOOR)
    return rows.then(Chain({"head_standardize": standardize_layer})).then(dense)


def steady_rate(width: int, step: float = 0.5) -> float:
    """A learning rate of RMSprop for a dense layer of `width` standardised inputs.

    Each of RMSprop's steps moves every weight by about the rate, and all of them together move a
    logit by up to rate × width: that should be about `step`, whatever the width.
    """
    return step / width


def train_head(
    head: Chain,
    parts: Parts,
    config: FitConfig,
    key: Mapping[str, Any],
    *,
    backbone: Chain,
    end_to_end: bool = False,
    loss: Loss = cross_entropy,
    optimizer: optax.GradientTransformation | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    checkpoint: Place | None = None,
) -> TrainedHead:
    """Train all of `head` that learns, behind the frozen `backbone`, and measure it on all parts.

    `parts` hold the backbone's features, or with `end_to_end` the images themselves: then the
    backbone is part of every step. Both give the same result up to rounding. `key` tells this head
    from others (see `Record`); the order of the examples follows `config.seed`; `optimizer`,
    `loss`, `on_epoch` and `checkpoint` are those of `fit`. Raises LayerError if nothing in the head
    learns, and as `fit` does.
    """
    start = time.perf_counter()
    trained = learned_layers(head)
    chain = backbone.then(head) if end_to_end else head
    result = fit(
        chain, parts.train, parts.validation, config,
        trained=trained, optimizer=optimizer, loss=loss, on_epoch=on_epoch, checkpoint=checkpoint,
    )  # fmt: skip
    size = config.evaluation_batch or config.batch_size
    measured, judgement = _measured(result.chain, parts, size, loss)
    final = result.chain.after(backbone.names[-1]) if end_to_end else result.chain
    record = Record(
        key=dict(key),
        **measured,
        epochs=len(result.history),
        kept_epoch=result.kept_epoch,
        learning_rate=config.learning_rate,
        trainable_parameters=sum(count_parameters(Chain({n: head[n]})) for n in trained),
        frozen_parameters=count_parameters(backbone),
        seconds=round(time.perf_counter() - start, 3),
    )
    scaled = calibrated(final, judgement.temperature)
    layers = backbone.names[-1:]
    return TrainedHead(record, layers, final, scaled, judgement, result.history)


def tune_head(
    head: Chain | JointHead,
    parts: Parts,
    key: Mapping[str, Any],
    *,
    backbone: Chain,
    unfreeze: str = "block5",
    config: FitConfig = RECIPE,
    on_epoch: Callable[[Epoch], None] | None = None,
    checkpoint: Place | None = None,
) -> TrainedHead:
    """Train on from a `head` on `backbone`, from its block or layer `unfreeze` on, and measure it.

    `parts` hold features at the last layer that stays frozen, on which the head that comes out
    stands (see `fine_tune`, also for the errors); the rest is as in `train_head`.
    """
    start = time.perf_counter()
    tuned = fine_tune(
        backbone, head, parts.train, parts.validation,
        unfreeze=unfreeze, config=config, on_epoch=on_epoch, checkpoint=checkpoint,
    )  # fmt: skip
    size = config.evaluation_batch or config.batch_size
    measured, judgement = _measured(tuned.chain, parts, size, cross_entropy, temperature=1.0)
    learned = learned_layers(tuned.chain)
    record = Record(
        key=dict(key),
        **measured,
        epochs=len(tuned.history),
        kept_epoch=tuned.kept_epoch,
        learning_rate=config.learning_rate,
        trainable_parameters=count_parameters(Chain({n: tuned.chain[n] for n in learned})),
        frozen_parameters=count_parameters(backbone.until(tuned.layer)),
        seconds=round(time.perf_counter() - start, 3),
    )
    return TrainedHead(record, (tuned.layer,), tuned.chain, tuned.chain, judgement, tuned.history)


def _measured(
    chain: Chain, parts: Parts, size: int, loss: Loss, *, temperature: float | None = None
) -> tuple[dict[str, Any], Judgement]:
    """What a record has of a chain on all parts, and what its answers are worth."""
    metrics: dict[str, Any] = {
        part: evaluate(chain, getattr(parts, part), size, loss) for part in PARTS
    }
    held_out, test = (
        (compute(chain, own.inputs, size), own.labels) for own in (parts.validation, parts.test)
    )
    judgement = judge(held_out, test, parts.tested, parts.class_names, temperature)
    return {
        **metrics,
        "images": parts.images(),
        "least_per_class": parts.least_per_class(held_out[0].shape[1]),
        "balanced": judgement.tested.balanced_accuracy,
        "calibration": judgement.summary(),
    }, judgement
