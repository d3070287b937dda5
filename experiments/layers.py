"""Heads straight on intermediate layers, by the report's recipe and by one that works (C5, U5).

    python experiments/layers.py
    python experiments/layers.py --pool
    python experiments/layers.py --layers block3_pool block4_pool block5_pool fc1 fc2
    python experiments/layers.py --data-dir my_photos --samples 16

All layers' features come from one pass over the images. They are kept in the cache: for
Caltech-256 and three layers of block 5, 15 GB.

The report's recipe (C5): flattened features as they are, RMSprop, batch 32, 30 epochs, learning
rate 1e-5 for block5_conv3, 1e-6 for block5_conv2, 1e-7 for block5_conv1 (the order of its text;
its code has other ones; other layers get 1e-5), and Keras' cross-entropy of clipped probabilities.
With --pool (U5): 2x2 pooled features, 1e-5 for all layers, batch 11, 100 epochs, patience 6.
The recipe that works: the same, but on features standardised with the training images' mean and
deviation, at a learning rate of 0.5 / number of features, with the cross-entropy unclipped.

Why the report's collapsed: from features in the hundreds its heads start with logits far apart, and
where Keras' clip cuts an example's loss off, at -log 1e-7 = 16.118, the example has no gradient. In
each line of its Table 2 the training loss is, to 0.4 %, 16.118 * (1 - accuracy): right or cut off.
--data-dir my_photos --weights random shows the same in ours; the demo weights' features are small,
so there the report's rates are only too low.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common import (
    Setting,
    add_data_options,
    add_run_options,
    load_setting,
    result_of,
    run,
)
from tqdm import tqdm

from vggjax.data import Split, reuse_or_make, summary
from vggjax.errors import LayerError
from vggjax.files import write_json
from vggjax.model import Chain, VGGConfig, count_parameters, output_shape, table_until
from vggjax.model.heads import flat_width, flattening
from vggjax.report import save_figure
from vggjax.report.curves import recipes_figure, validation_figure, write_histories
from vggjax.report.layers import (
    RECIPES,
    STANDARDISED,
    LayerRun,
    layers_figure,
    layers_table,
    mean_accuracies,
    report_note,
)
from vggjax.report.reference_layers import C5_LEARNING_RATES, U5_LEARNING_RATE
from vggjax.transfer import (
    Epoch,
    FitConfig,
    FittedHead,
    Parts,
    cross_entropy,
    extract_layers,
    fit_head,
    keras_cross_entropy,
    layer_head,
    split_images,
    steady_rate,
)


@dataclass(frozen=True)
class Defaults:
    """What the report chose, for flattened heads (C5) and for pooled ones (U5)."""

    batch_size: int
    epochs: int
    patience: int | None


FLATTENED, POOLED = Defaults(32, 30, None), Defaults(11, 100, 6)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options; those that the report fixes depend on --pool."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--layers", nargs="+", default=list(C5_LEARNING_RATES), metavar="LAYER", help="cuts")
    add("--pool", action="store_true", help="max-pool the maps before flattening them (U5)")
    add("--samples", type=int, default=32, help="training images per class")
    add("--val", type=int, default=24, help="validation images per class")
    add("--test", type=int, default=24, help="test images per class")
    add("--epochs", type=int, help="at most so many (default: 30; with --pool, 100)")
    add("--batch-size", type=int, help="(default: 32; with --pool, 11)")
    add("--patience", type=int, help="of early stopping (default: none; with --pool, 6)")
    add("--lr", type=float, help="rate of the recipe that works (default: 0.5 / features)")
    add_run_options(parser, out="runs/layers")
    add_data_options(parser)
    options = parser.parse_args(arguments)
    defaults = POOLED if options.pool else FLATTENED
    for name, value in vars(defaults).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.layers = list(dict.fromkeys(options.layers))
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Load, split, extract all layers at once, train each layer's heads, and report."""
    start = time.perf_counter()
    options = parse(arguments)
    fit_config(
        options, 1.0 if options.lr is None else options.lr, 0
    )  # a wrong option shows before anything is loaded
    setting = load_setting(options, until=deepest(options.layers))
    backbone = setting.weights.chain(until=deepest(options.layers))
    require_heads(backbone, options.layers, options.pool)
    print(summary(setting.dataset).splitlines()[0], flush=True)
    splits = reuse_or_make(
        options.out / "split.json",
        setting.dataset,
        options.samples,
        options.val,
        options.test,
        options.seed,
    )
    runs = [done for split in splits for done in train(setting, backbone, split, options)]
    print(f"\n{setting.title}, {options.samples} images per class, {options.epochs} epochs at most")
    print(layers_table(runs, options.pool))
    print(f"{report_note(options.pool)}\n")
    write_files(options, setting, runs)
    seconds = round(time.perf_counter() - start, 1)
    write_json(options.out / "result.json", result(options, setting, runs, seconds))
    print(f"{options.out / 'result.json'} written after {seconds} s")
    print(last_line(setting, runs))


def deepest(layers: Sequence[str]) -> str:
    """The last of `layers` in the network; LayerError for an unknown one."""
    return max(layers, key=lambda name: len(table_until(VGGConfig(), name)))


def require_heads(backbone: Chain, layers: Sequence[str], pool: bool) -> None:
    """Raise LayerError, naming the layer, if a head does not fit on one of `layers`."""
    size = backbone["preprocess"].image_size
    for name in layers:
        try:
            flattening(output_shape(backbone.until(name), (size, size, 3), np.uint8), pool=pool)
        except LayerError as error:
            raise LayerError(f"--pool with {name}: {error}") from error


def train(
    setting: Setting, backbone: Chain, split: Split, options: argparse.Namespace
) -> list[LayerRun]:
    """A head for each layer and recipe, on features of all layers from one pass."""
    size = backbone["preprocess"].image_size
    images, places = split_images(setting.dataset, split, options.samples, size, options.resize)
    features = extract_layers(backbone, options.layers, images)
    runs = []
    total = len(options.layers) * len(RECIPES) * options.epochs
    with tqdm(total=total, desc=f"seed {split.seed}", unit="epoch") as progress:
        for name in options.layers:
            parts = Parts.of(features[name], images.labels, *places)
            frozen = count_parameters(backbone.until(name))
            for recipe in RECIPES:
                fitted = train_one(name, recipe, parts, setting.classes, split.seed, options,
                                   lambda epoch: progress.update())  # fmt: skip
                progress.update(options.epochs - len(fitted.history))
                runs.append(LayerRun(name, recipe, split.seed, frozen, fitted))
    return runs


def train_one(
    layer: str,
    recipe: str,
    parts: Parts,
    classes: int,
    seed: int,
    options: argparse.Namespace,
    on_epoch: Callable[[Epoch], None],
) -> FittedHead:
    """One head on the features of `layer`, by one of the RECIPES."""
    features = parts.train.inputs
    works = recipe == STANDARDISED
    head = layer_head(features, classes, pool=options.pool, standardize=works, seed=seed)
    if works:
        rate = options.lr or steady_rate(flat_width(features.shape[1:], pool=options.pool))
    else:
        rate = report_rate(layer, options.pool)
    loss = cross_entropy if works else keras_cross_entropy
    return fit_head(head, parts, fit_config(options, rate, seed), loss, on_epoch)


def report_rate(layer: str, pool: bool) -> float:
    """The report's learning rate for a layer; that of block5_conv3 for those it hasn't."""
    if pool:
        return U5_LEARNING_RATE
    return C5_LEARNING_RATES.get(layer, C5_LEARNING_RATES["block5_conv3"])


def fit_config(options: argparse.Namespace, rate: float, seed: int) -> FitConfig:
    """The options' training recipe; DataError for values that make no sense."""
    return FitConfig(
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=rate,
        patience=options.patience,
        seed=seed,
        evaluation_batch=128,
    )


def write_files(options: argparse.Namespace, setting: Setting, runs: list[LayerRun]) -> None:
    """The history and the figures."""
    out: Path = options.out
    names = ("layer", "recipe", "seed")
    rows = [((run.layer, run.recipe, run.seed), run.fitted.history) for run in runs]
    write_histories(out / "history.csv", names, rows)
    how = "pooled" if options.pool else "flattened"
    for seed in options.seed:
        own = [run for run in runs if run.seed == seed]
        for layer in options.layers:
            title = f"{setting.title}: head on {layer}, {how}, seed {seed}"
            histories = {described(run): run.fitted.history for run in own if run.layer == layer}
            save_figure(recipes_figure(histories, title), out / f"history-{layer}-seed{seed}.png")
        panels = {
            recipe: {run.layer: run.fitted.history for run in own if run.recipe == recipe}
            for recipe in RECIPES
        }
        title = f"{setting.title}: heads on {how} layers, seed {seed}"
        save_figure(validation_figure(panels, title), out / f"validation-seed{seed}.png")
    title = f"{setting.title}: a head on each layer, {how}, {options.samples} images per class"
    figure = layers_figure(runs, title, options.pool, chance=1 / setting.classes)
    save_figure(figure, out / "layers.png")


def described(run: LayerRun) -> str:
    """A recipe and its learning rate, over the panels of a figure."""
    return f"{run.recipe}, learning rate {run.fitted.learning_rate:.2g}"


def result(
    options: argparse.Namespace, setting: Setting, runs: list[LayerRun], seconds: float
) -> dict[str, object]:
    """What `result.json` holds."""
    return {
        **result_of("layers", options, setting),
        "seconds": seconds,
        "runs": [run.summary() for run in runs],
    }


def last_line(setting: Setting, runs: list[LayerRun]) -> str:
    """The result in one line: the best layer by each recipe."""
    best = []
    for recipe in RECIPES:
        accuracy = mean_accuracies(runs, recipe)
        layer = max(accuracy, key=accuracy.__getitem__)
        best.append(f"{accuracy[layer]:.4f} on {layer} ({recipe})")
    return f"{setting.title}: best test accuracy {', '.join(best)}"


if __name__ == "__main__":
    run(main)
