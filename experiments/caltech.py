"""A new softmax head on a frozen VGG16, at a few images per class (report rows C1, C2, C3).

    python experiments/caltech.py --samples 4
    python experiments/caltech.py --samples 2 4 8 16 32 --seed 0 1 2 3 4
    python experiments/caltech.py --samples 4 --data-dir my_photos

On Caltech-256 with ImageNet weights the report gives 0.4518, 0.5885, 0.6746, 0.7112 and 0.7321
test accuracy for 2, 4, 8, 16 and 32 images per class.
"""

import argparse
import csv
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from common import Setting, add_data_options, add_run_options, load_setting, run
from tqdm import tqdm

from vggjax.data import ImageArray, Split, reuse_or_make, summary
from vggjax.files import atomic_file, write_json
from vggjax.report import (
    C1_TEST_ACCURACY,
    history_figure,
    samples_figure,
    samples_table,
    save_figure,
)
from vggjax.transfer import Epoch, FitConfig, Parts, Trained, extract, train_head


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--samples", type=int, nargs="+", default=[4], help="training images per class")
    add("--val", type=int, default=24, help="validation images per class")
    add("--test", type=int, default=24, help="test images per class")
    add("--layer", default="fc2", help="the last frozen layer")
    add("--epochs", type=int, default=20)
    add("--batch-size", type=int, default=32)
    add("--lr", type=float, default=1e-3, help="learning rate of RMSprop")
    add("--patience", type=int, help="stop after so many epochs without a better validation loss")
    add("--end-to-end", action="store_true", help="run the whole network in every training step")
    add_run_options(parser, out="runs/caltech")
    add_data_options(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Load, split, extract, train one head per number of samples and seed, and report."""
    start = time.perf_counter()
    options = parse(arguments)
    fit_configs = [fit_config(options, seed) for seed in options.seed]
    setting = load_setting(options, until=options.layer)
    print(summary(setting.dataset).splitlines()[0], flush=True)
    splits = reuse_or_make(
        options.out / "split.json",
        setting.dataset,
        max(options.samples),
        options.val,
        options.test,
        options.seed,
    )
    results = [
        trained
        for split, config in zip(splits, fit_configs, strict=True)
        for trained in train_sizes(setting, split, config, options)
    ]
    seconds = round(time.perf_counter() - start, 1)
    write_results(options, setting, results, seconds)
    print(f"{options.out / 'result.json'} written after {seconds} s")
    print(last_line(setting, results))


def fit_config(options: argparse.Namespace, seed: int) -> FitConfig:
    """The options' training recipe; on cached features, evaluation takes larger batches."""
    return FitConfig(
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.lr,
        patience=options.patience,
        seed=seed,
        evaluation_batch=None if options.end_to_end else 256,
    )


def train_sizes(
    setting: Setting, split: Split, config: FitConfig, options: argparse.Namespace
) -> list[Trained]:
    """One head for each number of samples, each from scratch."""
    dataset = setting.dataset
    backbone = setting.weights.chain(until=options.layer)
    held_out = [split.indices(dataset, part) for part in ("validation", "test")]
    sizes = {n: split.indices(dataset, "train", n) for n in sorted(set(options.samples))}
    used = np.unique(np.concatenate([*held_out, sizes[max(sizes)]]))
    images = ImageArray(dataset, used, setting.weights.info.config.image_size, options.resize)
    inputs = images if options.end_to_end else extract(backbone, images)
    results = []
    for samples, train in sizes.items():
        places = [np.searchsorted(used, part) for part in (train, *held_out)]
        parts = Parts.of(inputs, images.labels, *places)
        title = f"{samples} per class, seed {config.seed}"
        with tqdm(total=config.epochs, desc=title, unit="epoch", disable=None) as progress:
            results.append(
                train_head(
                    backbone,
                    parts,
                    len(dataset.class_names),
                    samples,
                    config,
                    end_to_end=options.end_to_end,
                    on_epoch=lambda epoch: show(progress, epoch),
                )
            )
    return results


def show(progress: tqdm, epoch: Epoch) -> None:
    """Advance the progress bar by an epoch."""
    if epoch.validation:
        progress.set_postfix(val_loss=f"{epoch.validation.loss:.3f}", refresh=False)
    progress.update()


def write_results(
    options: argparse.Namespace, setting: Setting, results: list[Trained], seconds: float
) -> None:
    """Print the table; write result.json, history.csv, dataset.txt and the figures."""
    out: Path = options.out
    runs = [result.run for result in results]
    print(f"\n{setting.title}, head on {options.layer}, {options.epochs} epochs")
    print(samples_table(runs, C1_TEST_ACCURACY))
    print("report: Caltech-256, ImageNet weights, head on fc2 (Table 1)\n")
    with atomic_file(out / "dataset.txt") as path:
        path.write_text(summary(setting.dataset) + "\n", encoding="utf-8")
    write_history(out / "history.csv", results)
    for result in results:
        run = result.run
        title = f"{setting.title}: {run.samples} per class, seed {run.seed}"
        figure = history_figure(result.history, title, run.kept_epoch)
        save_figure(figure, out / f"history-{run.samples}-seed{run.seed}.png")
    title, chance = (
        f"{setting.title}: head on {options.layer}",
        1 / len(setting.dataset.class_names),
    )
    save_figure(samples_figure(runs, title, C1_TEST_ACCURACY, chance), out / "accuracy.png")
    write_json(
        out / "result.json",
        {
            "experiment": "caltech",
            "dataset": setting.dataset.name,
            "demo": setting.dataset.demo,
            "weights": {"name": setting.weights.info.name, "hash": setting.weights.hash},
            "layer": options.layer,
            "classes": classes,
            "settings": settings(options),
            "seconds": seconds,
            "runs": [asdict(run) for run in runs],
        },
    )


def write_history(path: Path, results: list[Trained]) -> None:
    """One line per epoch of each run."""
    with atomic_file(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        metrics = ("loss", "accuracy", "val_loss", "val_accuracy")
        writer.writerow(("samples", "seed", "epoch", *metrics))
        for result in results:
            for epoch in result.history:
                values = [*vars(epoch.train).values()]
                values += [*vars(epoch.validation).values()] if epoch.validation else ["", ""]
                writer.writerow((result.run.samples, result.run.seed, epoch.number, *values))


def settings(options: argparse.Namespace) -> dict[str, object]:
    """The options as JSON-compatible data."""
    return {k: str(v) if isinstance(v, Path) else v for k, v in vars(options).items()}


def last_line(setting: Setting, results: list[Trained]) -> str:
    """The result in one line."""
    runs = [result.run for result in results]
    most = max(run.samples for run in runs)
    accuracies = [run.test_accuracy for run in runs if run.samples == most]
    return (
        f"{setting.title}: test accuracy {np.mean(accuracies):.4f} "
        f"at {most} images per class (mean of {len(accuracies)} seeds)"
        if len(accuracies) > 1
        else f"{setting.title}: test accuracy {accuracies[0]:.4f} at {most} images per class"
    )


if __name__ == "__main__":
    run(main)
