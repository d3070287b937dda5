"""Heads to train, and their training: on features of all layers from one pass over the images."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from engine.job import Job
from engine.run_folder import CHECKPOINT
from vggjax.collective import is_first
from vggjax.data import WHOLE, Split
from vggjax.features import Examples, extract_layers, extract_views
from vggjax.interrupts import keeping
from vggjax.linear import RECIPES, LayerFeatures, Rows, train_linear
from vggjax.model import Chain
from vggjax.progress import progress
from vggjax.report import EventLog
from vggjax.training import (
    Epoch,
    FitConfig,
    Parts,
    TrainedHead,
    cross_entropy,
    keras1_rmsprop,
    keras_cross_entropy,
    split_parts,
    train_head,
    tune_head,
    used_images,
)
from vggjax.training.finetune import RECIPE
from vggjax.training.losses import Loss
from vggjax.training.record import key_name
from vggjax.training.resume import FILE, Lasting

LIVE = "tensorboard"  # the folder that is written while a run goes on, for who watches it
Views = Mapping[Any, Mapping[str, Any]]  # features, or images, by view and layer


class OnOneLayer:
    """What the plans of heads on a single `layer`, which see each image once, have in common."""

    layer: str
    views: ClassVar[tuple[str, ...]] = (WHOLE,)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers whose features it needs."""
        return (self.layer,)

    def inputs(self, features: Views) -> Any:
        """What its examples are made of, of the features by view and layer."""
        return features[WHOLE][self.layer]


@dataclass(frozen=True)
class HeadPlan(OnOneLayer):
    """A head to train on `samples` training images per class of `split`, behind `layer`.

    `key` tells it from the run's other heads (see `Record`). `make` gets the training features
    (N, *shape) and returns the head. With `end_to_end`, of all plans of a run or of none, the whole
    network is part of every training step, and `make` gets the images. With `goes_on`, the head
    that the plan before this one gave is trained on, its optimizer's state forgotten.
    """

    key: Mapping[str, Any]
    layer: str
    split: Split
    samples: int
    config: FitConfig
    make: Callable[[Any], Chain]
    loss: Loss = cross_entropy
    end_to_end: bool = False
    goes_on: bool = False

    @property
    def steps(self) -> int:
        """How long it may take, in epochs."""
        return self.config.epochs


@dataclass(frozen=True)
class LinearPlan:
    """A linear head to solve on `samples` training images per class of `split`, on some `layers`.

    `key` is as in `HeadPlan`; `kinds`, `sets` of layers and `recipes` are what to choose from (see
    `vggjax.linear.fit_linear`), `views` how each image is looked at (see `vggjax.data.VIEWS`).
    """

    key: Mapping[str, Any]
    layers: tuple[str, ...]
    split: Split
    samples: int
    kinds: tuple[str, ...]
    views: tuple[str, ...] = (WHOLE,)
    sets: Sequence[tuple[str, ...]] | None = None
    recipes: Sequence[Rows] = RECIPES
    end_to_end: ClassVar[bool] = False
    steps: ClassVar[int] = 1

    def inputs(self, features: Views) -> Any:
        """What its examples are made of, of the features by view and layer."""
        return LayerFeatures(
            {view: {layer: features[view][layer] for layer in self.layers} for view in self.views}
        )


@dataclass(frozen=True)
class TunedPlan(OnOneLayer):
    """The head that the plan before this one gave, trained on with a part of the network.

    `layer` is the last that stays frozen, `unfreeze` the block or layer that comes after it.
    """

    key: Mapping[str, Any]
    layer: str
    split: Split
    samples: int
    unfreeze: str
    end_to_end: ClassVar[bool] = False
    steps: ClassVar[int] = RECIPE.epochs


Plan = HeadPlan | LinearPlan | TunedPlan


class Inputs:
    """The examples of plans: features of all layers from one pass over the images of all splits."""

    def __init__(self, job: Job[Any], plans: Sequence[Plan]):
        self.job, self.used = job, used_images(job.data, job.splits)
        self.layers = tuple(dict.fromkeys(layer for plan in plans for layer in plan.layers))
        views = tuple(dict.fromkeys(view for plan in plans for view in plan.views))
        images, self.end_to_end = job.images(self.used), plans[0].end_to_end
        if self.end_to_end:
            self.features: Views = {WHOLE: dict.fromkeys(self.layers, images)}
        else:
            self.features = extract_views(job.chain, self.layers, images, views)

    def parts(self, plan: Plan) -> Parts:
        """The examples of a plan."""
        inputs, data = plan.inputs(self.features), self.job.data
        return split_parts(inputs, data, self.used, plan.split, plan.samples)

    def everything(self, layers: Sequence[str], split: Split) -> tuple[Examples, list[str]]:
        """Features of some layers, of all images of a split as they are, and the images' names."""
        data, own = self.job.data, used_images(self.job.data, [split])
        if self.end_to_end:
            found = extract_layers(self.job.chain, layers, self.job.images(own))
        else:
            rows = np.searchsorted(self.used, own)
            found = {layer: self.features[WHOLE][layer].subset(rows) for layer in layers}
        names = [data.ids[number] for number in own]
        return Examples(LayerFeatures({WHOLE: found}), data.labels[own]), names


def train_heads(job: Job[Any], plans: Sequence[Plan], inputs: Inputs) -> list[TrainedHead]:
    """Train the heads of all `plans` on their parts of the `inputs`."""
    heads: list[TrainedHead] = []
    kept = keeping(lambda: _kept(job, plans, len(heads)))
    with progress("training", sum(plan.steps for plan in plans), "step") as bar, kept:
        for plan in plans:
            heads.append(_trained(job, plan, heads, inputs.parts(plan), bar.update))
    return heads


def _trained(
    job: Job[Any],
    plan: Plan,
    before: Sequence[TrainedHead],
    parts: Parts,
    progressed: Callable[[int], Any],
) -> TrainedHead:
    """The head of one plan; those of the plans `before` it are there."""
    if isinstance(plan, HeadPlan):
        last = before[-1].head if plan.goes_on else plan.make(parts.train.inputs)
        assert isinstance(last, Chain)
        return _train(job, plan, last, parts, progressed)
    if isinstance(plan, TunedPlan):
        return _tune(job, plan, before[-1], parts, progressed)
    backbone = job.chain.until(max(plan.layers, key=job.chain.position))
    head = train_linear(
        parts, job.classes, plan.key,
        backbone=backbone, kinds=plan.kinds, layers=plan.sets, recipes=plan.recipes,
    )  # fmt: skip
    progressed(plan.steps)
    return head


def _train(
    job: Job[Any], plan: HeadPlan, head: Chain, parts: Parts, progressed: Callable[[int], Any]
) -> TrainedHead:
    as_its_code = job.options.as_its_code
    with _shown(job, plan, progressed) as show:
        trained = train_head(
            head,
            parts,
            plan.config,
            plan.key,
            backbone=job.chain.until(plan.layer),
            end_to_end=plan.end_to_end,
            loss=keras_cross_entropy if as_its_code else plan.loss,
            optimizer=keras1_rmsprop(plan.config.learning_rate) if as_its_code else None,
            on_epoch=show,
            checkpoint=_checkpoint(job, plan),
        )
    progressed(plan.config.epochs - len(trained.history))
    return trained


def _tune(
    job: Job[Any],
    plan: TunedPlan,
    before: TrainedHead,
    parts: Parts,
    progressed: Callable[[int], Any],
) -> TrainedHead:
    backbone = job.chain.until(before.layers[-1])
    with _shown(job, plan, progressed) as show:
        tuned = tune_head(
            before.head,
            parts,
            plan.key,
            backbone=backbone,
            unfreeze=plan.unfreeze,
            config=replace(RECIPE, seed=plan.split.seed),
            checkpoint=_checkpoint(job, plan),
            on_epoch=show,
        )
    progressed(plan.steps - len(tuned.history))
    return tuned


def _checkpoint(job: Job[Any], plan: Plan) -> Lasting:
    """Where a training keeps its progress, and its end; all goes when the run is finished."""
    return Lasting(job.out / f"{CHECKPOINT}{key_name(plan.key)}")


def _kept(job: Job[Any], plans: Sequence[Plan], done: int) -> str:
    """How many of the `done` trainings the next run finds, in words."""
    places = [Path(_checkpoint(job, plan).folder) for plan in plans[:done]]
    count = sum((place / FILE).is_file() for place in places)
    return f"the training of {count} of {len(plans)} heads is kept" if count else ""


@contextmanager
def _shown(
    job: Job[Any], plan: HeadPlan | TunedPlan, progressed: Callable[[int], Any]
) -> Iterator[Callable[[Epoch], None]]:
    """What takes the epochs of a head: for the progress, and for TensorBoard."""
    with _event_log(job, plan) as log:

        def show(epoch: Epoch) -> None:
            progressed(1)
            log(epoch)

        yield show


@contextmanager
def _event_log(job: Job[Any], plan: HeadPlan | TunedPlan) -> Iterator[Callable[[Epoch], None]]:
    """What takes the epochs of a head, for TensorBoard where that is asked for."""
    if LIVE not in job.options.wanted_files or job.staged is None or not is_first():
        yield lambda epoch: None
        return
    with closing(EventLog(job.staged / LIVE / key_name(plan.key))) as log:
        yield log.add
