"""A head on the 1000 ImageNet probabilities, softened by a temperature (report row B1).

    python experiments/temperature.py
    python experiments/temperature.py --temperatures 0.5 1 2 --epochs 40 --seed 0 1 2
    python experiments/temperature.py --data-dir my_photos

The network stays whole and frozen, its last layer included. Its logits a are kept in the cache;
only softmax(a / T) and a new softmax layer on those probabilities run in training. On Caltech-256
with ImageNet weights the report finds T = 1 best, at 0.51 test accuracy, and that a higher T
learns more slowly and ends lower.

The demo weights have 96 classes instead of 1000, and the demo set has 10 steps an epoch instead of
80, too few to learn from; --dataset demo --epochs 120 takes as many steps as the report.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

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
from vggjax.files import write_json
from vggjax.model import temperature_head
from vggjax.report import save_figure
from vggjax.report.curves import write_histories
from vggjax.report.temperatures import TemperatureRun, temperature_figure, temperature_table
from vggjax.transfer import FitConfig, Parts, extract, fit_head, split_images

LAYER = "predictions"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--temperatures", type=float, nargs="+", default=[1, 2, 4, 8, 16], metavar="T")
    add("--samples", type=int, default=10, help="training images per class")
    add("--val", type=int, default=3, help="validation images per class")
    add("--test", type=int, default=10, help="test images per class")
    add("--epochs", type=int, default=15, help="at most so many")
    add("--batch-size", type=int, default=32)
    add("--lr", type=float, default=1e-3, help="learning rate of RMSprop")
    add("--patience", type=int, default=0, help="of early stopping on the validation loss")
    add("--min-delta", type=float, default=1e-3, help="what counts as a better validation loss")
    add_run_options(parser, out="runs/temperature")
    add_data_options(parser)
    options = parser.parse_args(arguments)
    options.temperatures = sorted(set(options.temperatures))
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Load, split, extract the logits, train a head for each temperature, and report."""
    start = time.perf_counter()
    options = parse(arguments)
    for temperature in options.temperatures:
        temperature_head(2, 2, temperature)  # a wrong one shows before anything is loaded
    fit_config(options, 0)
    setting = load_setting(options, until=LAYER)
    print(summary(setting.dataset).splitlines()[0], flush=True)
    splits = reuse_or_make(
        options.out / "split.json",
        setting.dataset,
        options.samples,
        options.val,
        options.test,
        options.seed,
    )
    runs = [done for split in splits for done in train(setting, split, options)]
    print(f"\n{setting.title}, {options.samples} images per class, {options.epochs} epochs at most")
    print(temperature_table(runs))
    print("report: Caltech-256, ImageNet weights (Figure 28)\n")
    write_files(options, setting, runs)
    seconds = round(time.perf_counter() - start, 1)
    write_json(options.out / "result.json", result(options, setting, runs, seconds))
    print(f"{options.out / 'result.json'} written after {seconds} s")
    print(last_line(setting, runs))


def train(setting: Setting, split: Split, options: argparse.Namespace) -> list[TemperatureRun]:
    """A head for each temperature, on the same logits and from the same initial values."""
    backbone = setting.weights.chain(until=LAYER)
    size = backbone["preprocess"].image_size
    images, places = split_images(setting.dataset, split, options.samples, size, options.resize)
    logits = extract(backbone, images)
    parts = Parts.of(logits, images.labels, *places)
    config, runs = fit_config(options, split.seed), []
    for temperature in tqdm(options.temperatures, desc=f"seed {split.seed}", unit="head"):
        head = temperature_head(logits.shape[1], setting.classes, temperature, split.seed)
        runs.append(TemperatureRun(temperature, split.seed, fit_head(head, parts, config)))
    return runs


def fit_config(options: argparse.Namespace, seed: int) -> FitConfig:
    """The options' training recipe; DataError for values that make no sense."""
    return FitConfig(
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.lr,
        patience=options.patience,
        min_delta=options.min_delta,
        seed=seed,
        evaluation_batch=256,
    )


def write_files(options: argparse.Namespace, setting: Setting, runs: list[TemperatureRun]) -> None:
    """The history and the figure."""
    out: Path = options.out
    rows = [((f"{run.temperature:g}", run.seed), run.fitted.history) for run in runs]
    write_histories(out / "history.csv", ("temperature", "seed"), rows)
    title = f"{setting.title}: head on softmax(a / T), {options.samples} images per class"
    figure = temperature_figure(runs, title, chance=1 / setting.classes)
    save_figure(figure, out / "temperature.png")


def result(
    options: argparse.Namespace, setting: Setting, runs: list[TemperatureRun], seconds: float
) -> dict[str, object]:
    """What `result.json` holds."""
    return {
        **result_of("temperature", options, setting),
        "layer": LAYER,
        "seconds": seconds,
        "runs": [run.summary() for run in runs],
    }


def last_line(setting: Setting, runs: list[TemperatureRun]) -> str:
    """The result in one line: the best temperature."""
    accuracy = {
        run.temperature: mean(r.fitted.test.accuracy for r in runs
                              if r.temperature == run.temperature)
        for run in runs
    }  # fmt: skip
    best = max(accuracy, key=accuracy.__getitem__)
    return f"{setting.title}: best test accuracy {accuracy[best]:.4f} at T = {best:g}"


if __name__ == "__main__":
    run(main)
