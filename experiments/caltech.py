"""A new softmax head on a frozen VGG16, at a few images per class (report rows C1, C2, C3).

    python experiments/caltech.py --samples 4
    python experiments/caltech.py --samples 2 4 8 16 32 --seed 0 1 2 3 4
    python experiments/caltech.py --samples 4 --data-dir my_photos

On Caltech-256 with ImageNet weights the report gives 0.4518, 0.5885, 0.6746, 0.7112 and 0.7321
test accuracy for 2, 4, 8, 16 and 32 images per class.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean

from common import (
    Setting,
    add_cluster_options,
    add_data_options,
    add_run_options,
    load_setting,
    run,
    settings,
    start_cluster,
)
from tqdm import tqdm

from vggjax.collective import from_first, is_first
from vggjax.data import Split, reuse_or_make, summary
from vggjax.files import atomic_file, write_json
from vggjax.report import (
    C1_TEST_ACCURACY,
    history_figure,
    samples_figure,
    samples_table,
    save_figure,
    write_history,
)
from vggjax.transfer import Epoch, FitConfig, Run, Trained, train_sizes


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
    add_cluster_options(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Load, split, extract, train one head per number of samples and seed, and report."""
    start = time.perf_counter()
    options = parse(arguments)
    configs = [fit_config(options, seed) for seed in options.seed]
    start_cluster(options)
    setting = load_setting(options, until=options.layer)
    print(summary(setting.dataset).splitlines()[0], flush=True)
    splits = from_first(
        lambda: reuse_or_make(
            options.out / "split.json",
            setting.dataset,
            max(options.samples),
            options.val,
            options.test,
            options.seed,
        )
    )
    results = [
        trained
        for split, config in zip(splits, configs, strict=True)
        for trained in train(setting, split, config, options)
    ]
    if not is_first():
        return
    runs = [trained.run for trained in results]
    print(f"\n{setting.title}, head on {options.layer}, at most {options.epochs} epochs")
    print(samples_table(runs, C1_TEST_ACCURACY))
    print("report: Caltech-256, ImageNet weights, head on fc2 (Table 1)\n")
    write_files(options, setting, results)
    seconds = round(time.perf_counter() - start, 1)
    write_json(options.out / "result.json", result(options, setting, runs, seconds))
    print(f"{options.out / 'result.json'} written after {seconds} s")
    print(last_line(setting, runs))


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


def train(
    setting: Setting, split: Split, config: FitConfig, options: argparse.Namespace
) -> list[Trained]:
    """One head for each number of samples, behind a progress bar."""
    silent = None if is_first() else True
    total = config.epochs * len(set(options.samples))
    with tqdm(total=total, desc=f"seed {config.seed}", unit="epoch", disable=silent) as progress:
        return train_sizes(
            setting.weights.chain(until=options.layer),
            setting.dataset,
            split,
            options.samples,
            config,
            resize=options.resize,
            end_to_end=options.end_to_end,
            on_epoch=lambda epoch: show(progress, epoch),
        )


def show(progress: tqdm, epoch: Epoch) -> None:
    """Advance the progress bar by an epoch."""
    if epoch.validation:
        progress.set_postfix(val_loss=f"{epoch.validation.loss:.3f}", refresh=False)
    progress.update()


def write_files(options: argparse.Namespace, setting: Setting, results: list[Trained]) -> None:
    """The data set's summary, the history and the figures."""
    out: Path = options.out
    with atomic_file(out / "dataset.txt") as path:
        path.write_text(summary(setting.dataset) + "\n", encoding="utf-8")
    write_history(out / "history.csv", results)
    for trained in results:
        samples, seed = trained.run.samples, trained.run.seed
        title = f"{setting.title}: {samples} per class, seed {seed}"
        figure = history_figure(trained.history, title, trained.run.kept_epoch)
        save_figure(figure, out / f"history-{samples}-seed{seed}.png")
    title = f"{setting.title}: head on {options.layer}"
    runs = [trained.run for trained in results]
    figure = samples_figure(runs, title, C1_TEST_ACCURACY, chance=1 / setting.classes)
    save_figure(figure, out / "accuracy.png")


def result(
    options: argparse.Namespace, setting: Setting, runs: list[Run], seconds: float
) -> dict[str, object]:
    """What `result.json` holds."""
    return {
        "experiment": "caltech",
        "dataset": setting.dataset.name,
        "demo": setting.dataset.demo,
        "weights": {"name": setting.weights.info.name, "hash": setting.weights.hash},
        "layer": options.layer,
        "classes": setting.classes,
        "settings": settings(options),
        "seconds": seconds,
        "runs": [asdict(run) for run in runs],
    }


def last_line(setting: Setting, runs: list[Run]) -> str:
    """The result in one line: the largest number of samples."""
    most = max(run.samples for run in runs)
    accuracies = [run.test_accuracy for run in runs if run.samples == most]
    seeds = f", mean of {len(accuracies)} seeds" if len(accuracies) > 1 else ""
    return (
        f"{setting.title}: test accuracy {mean(accuracies):.4f} at {most} images per class{seeds}"
    )


if __name__ == "__main__":
    run(main)
