"""Heads straight on intermediate layers, by the reference's recipe and by one
that works (reference rows C5, U5).

    python experiments/layers.py
    python experiments/layers.py --pool
    python experiments/layers.py --layers block4_pool block5_pool fc1 fc2
    python experiments/layers.py --data-dir my_photos --samples 16

All layers' features come from one pass over the images. They are kept in the
cache: for Caltech-256 and three layers of block 5, 15 GB.

The recipe called reference (C5): flattened features as they are, RMSprop,
batch 32, 30 epochs, learning rate 1e-5 for block5_conv3, 1e-6 for
block5_conv2, 1e-7 for block5_conv1 (the order of its text; its code has other
ones; other layers get 1e-5), and Keras' cross-entropy of clipped
probabilities. With --pool (U5): 2x2 pooled features, 1e-5 for all layers,
batch 11, 100 epochs, patience 6.
The recipe called steady: the same, but on features standardised with the
training images' mean and deviation, at a learning rate of 0.5 / number of
features, with the cross-entropy unclipped.

Why the reference's collapsed: from features in the hundreds its heads start
with logits far apart, and where Keras' clip cuts an example's loss off, at
-log 1e-7 = 16.118, the example has no gradient. In each line of its Table 2
the training loss is, to 0.4 %, 16.118 * (1 - accuracy): right or cut off. On
the demo weights the features are small: there its rates are only too low, and
steady reaches 0.73.
"""

import sys
from dataclasses import dataclass
from typing import ClassVar

from engine.comparison import Comparison, compare_heads
from engine.experiment import main
from engine.heads import HeadPlan
from engine.job import Job
from engine.options import HeadOptions, option, other_default

from vggjax.data import Split
from vggjax.errors import LayerError
from vggjax.model.heads import flat_width, flattening
from vggjax.report.reference import C5_LEARNING_RATES, C5_TABLE, U5_LEARNING_RATE
from vggjax.training import (
    FitConfig,
    cross_entropy,
    keras_cross_entropy,
    layer_head,
    steady_rate,
)

REFERENCE, STEADY = "reference", "steady"


@dataclass(frozen=True, kw_only=True)
class LayersOptions(HeadOptions):
    """What the reference chose, for flattened heads (C5) and for pooled ones (U5)."""

    group: ClassVar[str] = "heads"
    rank: ClassVar[int] = 1

    layers: tuple[str, ...] = option(
        tuple(C5_LEARNING_RATES), "layers to put a head on, one each", metavar="LAYER"
    )
    pool: bool = option(False, "max-pool the maps before flattening them (U5)")
    samples: tuple[int, ...] = other_default(HeadOptions, "samples", (32,))
    epochs: int = other_default(HeadOptions, "epochs", 30)
    lr: float | None = option(
        None, "learning rate of the recipe steady (default: 0.5 / features)", metavar="RATE"
    )
    classifiers: bool = other_default(HeadOptions, "classifiers", False)

    def recipe(self, layer: str, recipe: str, width: int, seed: int) -> FitConfig:
        """How a head of `width` inputs is trained on `layer` by one of the two recipes."""
        if recipe == STEADY:
            return self.fit_config(seed, self.lr or steady_rate(width))
        known = U5_LEARNING_RATE if self.pool else C5_LEARNING_RATES["block5_conv3"]
        rates = {} if self.pool else C5_LEARNING_RATES
        return self.fit_config(seed, rates.get(layer, known))


@dataclass(frozen=True, kw_only=True)
class PooledOptions(LayersOptions):
    """With --pool: what the reference chose for pooled heads (U5)."""

    epochs: int = other_default(HeadOptions, "epochs", 100)
    batch_size: int = other_default(HeadOptions, "batch_size", 11)
    patience: int | None = other_default(HeadOptions, "patience", 6)


def plans(job: Job[LayersOptions]) -> list[HeadPlan]:
    """A head on each layer by both recipes, from the same initial values."""
    require_heads(job)
    return [
        plan(job, split, layer, recipe)
        for split in job.splits
        for layer in job.layers
        for recipe in (REFERENCE, STEADY)
    ]


def require_heads(job: Job[LayersOptions]) -> None:
    """Raise LayerError, naming the layer, if a head does not fit on one of the layers."""
    for layer in job.layers:
        try:
            flattening(job.feature_shape(layer), pool=job.options.pool)
        except LayerError as error:
            raise LayerError(f"--pool with {layer}: {error}") from error


def plan(job: Job[LayersOptions], split: Split, layer: str, recipe: str) -> HeadPlan:
    """One head on the features of `layer`."""
    options, steady = job.options, recipe == STEADY
    width = flat_width(job.feature_shape(layer), pool=options.pool)
    return HeadPlan(
        key={"layer": layer, "recipe": recipe, "seed": split.seed},
        layer=layer,
        split=split,
        samples=max(options.samples),
        config=options.recipe(layer, recipe, width, split.seed),
        make=lambda features: layer_head(
            features, job.classes, pool=options.pool, standardize=steady, seed=split.seed
        ),
        loss=cross_entropy if steady else keras_cross_entropy,
    )


BY = {"layer": ("layer", "{}"), "recipe": ("recipe", "{}")}
MEASURES = ("learning rate", "train accuracy", "train loss", "test accuracy", "test loss")
TABLE_TWO = Comparison(
    by=BY,
    measures=MEASURES,
    about="Caltech-256, ImageNet weights, Table 2",
    details="25,690,368 trainable and 14,714,688; "
    "12,354,880; 9,995,072 frozen parameters; by its recipe no loss is above 16.118 (see --help)",
    accuracies={layer: row.test_accuracy for layer, row in C5_TABLE.items()},
    rows={
        layer: dict(
            zip(
                MEASURES,
                (f"{C5_LEARNING_RATES[layer]:.2g}", *(f"{value:.4f}" for value in row)),
                strict=True,
            )
        )
        for layer, row in C5_TABLE.items()
    },
)
FIGURE_27 = Comparison(
    by=BY,
    measures=MEASURES,
    about="Urban Tribes, ImageNet weights, Figure 27",
    details="about 0.28 on held-out images, deeper is better",
)

LAYERS = compare_heads(
    plans,
    TABLE_TWO,
    name="layers",
    rows="C5",
    title="heads straight on the layers of block 5",
    text="The reference's deeper layers collapse; with standardised features and a sane learning "
    "rate they do not, so the collapse comes from the recipe and not from the layer. (The demo "
    "weights' features are small: there the reference's rates are only too low.)",
    description=__doc__,
    options=LayersOptions,
    layers=lambda options: list(dict.fromkeys(options.layers)),
    captions={
        "accuracy.png": "C5: test accuracy by layer and recipe (Table 2)",
        "history-block5_conv3-seed0.png": "C5: block5_conv3, per epoch (Figure 7)",
        "history-block5_conv2-seed0.png": "C5: block5_conv2, per epoch (Figure 8)",
        "history-block5_conv1-seed0.png": "C5: block5_conv1, per epoch (Figure 9)",
    },
)
POOLED = compare_heads(
    plans,
    FIGURE_27,
    name="layers",
    rows="U5",
    title="heads on the pooled layers of block 5",
    text="In the reference the deeper layer is the better one, at about 28 % on Urban Tribes. "
    "Without a folder of Urban Tribes, this runs on the images of section C.",
    description=__doc__,
    options=PooledOptions,
    layers=lambda options: list(dict.fromkeys(options.layers)),
    variant=lambda options: "pooled",
    captions={
        "accuracy.png": "U5: test accuracy by layer and recipe",
        "validation-seed0.png": "U5: validation accuracy per epoch (Figure 27)",
    },
)

if __name__ == "__main__":
    main(POOLED if "--pool" in sys.argv else LAYERS)
