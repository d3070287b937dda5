"""A linear head as an experiment trains it: on the parts of a split, with a record."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vggjax.evaluation import log_loss
from vggjax.features import compute
from vggjax.linear.features import LayerFeatures
from vggjax.linear.fit import RECIPES, fit_linear
from vggjax.linear.heads import KINDS
from vggjax.linear.rows import Rows
from vggjax.model import Chain, JointHead, count_parameters, joint_head
from vggjax.training import Metrics, Parts, Record, TrainedHead, judge
from vggjax.training.parts import PARTS

EVALUATION_BATCH = 256


def train_linear(
    parts: Parts,
    classes: int,
    key: Mapping[str, Any],
    *,
    backbone: Chain,
    kinds: Sequence[str] = tuple(KINDS),
    layers: Sequence[tuple[str, ...]] | None = None,
    recipes: Sequence[Rows] = RECIPES,
) -> TrainedHead:
    """The best linear head behind the frozen `backbone`, measured on all parts of a split.

    `parts` hold `LayerFeatures` of some of its layers; the rest is as in `fit_linear`, which
    chooses on the validation images, never on the test images. `key` tells the head from others
    (see `vggjax.training.Record`).
    """
    start = time.perf_counter()
    found = fit_linear(
        parts.train, classes, parts.validation, kinds=kinds, layers=layers, recipes=recipes
    )
    layer = max(found.chosen.choice.layers, key=backbone.position)
    examples = {part: getattr(parts, part) for part in PARTS}
    logits = {part: logits_of(found.head, own.inputs, layer) for part, own in examples.items()}
    temperature = found.chosen.temperature
    judgement = judge(
        (found.chosen.logits, found.chosen.labels),
        (logits["test"] * temperature, parts.test.labels),
        parts.tested,
        parts.class_names,
        temperature,
    )
    measured: dict[str, Any] = {p: _metrics(logits[p], own.labels) for p, own in examples.items()}
    record = Record(
        key=dict(key),
        **measured,
        images=parts.images(),
        least_per_class=parts.least_per_class(classes),
        trainable_parameters=_learned(found.head, layer),
        frozen_parameters=count_parameters(backbone.until(layer)),
        seconds=round(time.perf_counter() - start, 3),
        balanced=judgement.tested.balanced_accuracy,
        calibration=judgement.summary(),
        chosen=found.text,
    )
    ordered = tuple(sorted(found.chosen.choice.layers, key=backbone.position))
    views = tuple(parts.train.inputs.views)
    return TrainedHead(record, ordered, found.head, found.head, judgement, views=views)


def logits_of(head: Chain | JointHead, features: LayerFeatures, layer: str) -> np.ndarray:
    """What a head on `layer` (or a joint one) gives each image, (N, classes), over its views."""
    joint = joint_head(head, layer)
    logits = [
        [compute(joint[layer], view[layer], EVALUATION_BATCH) for layer in joint.layers]
        for view in features.views.values()
    ]
    return np.sum(logits, axis=1).mean(axis=0)


def _metrics(logits: np.ndarray, labels: np.ndarray) -> Metrics:
    return Metrics(log_loss(logits, labels), float((logits.argmax(axis=1) == labels).mean()))


def _learned(head: Chain | JointHead, layer: str) -> int:
    joint = joint_head(head, layer)
    return sum(count_parameters(Chain({"head": joint[name]["head"]})) for name in joint.layers)
