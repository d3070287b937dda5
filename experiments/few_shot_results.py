"""The results of a few-shot experiment: printed, written, and found again by a second run (R2)."""

import argparse
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from common import DEMO_BANNER, Setting, result_of, settings, weights_name

from vggjax.data import Dataset, ImageArray, Split, make_split, summary
from vggjax.files import atomic_file, write_json
from vggjax.report import (
    history_figure,
    samples_figure,
    samples_table,
    save_figure,
    write_history,
)
from vggjax.transfer import Classifier, Run, Trained
from vggjax.transfer.digest import chain_digest
from vggjax.weights import weights_identity

RECIPE_VERSION = 1  # raise it when the same options and images would give other numbers
# Options that change nothing in the numbers, or are in the origin in another form.
_BESIDE = {
    *("out", "again", "no_classifiers", "tensorboard", "samples", "weights", "dataset"),
    *("data_dir", "coordinator", "processes", "process", "cluster"),
}


@dataclass(frozen=True)
class Experiment:
    """One few-shot question: its data, its split, and what the report says.

    `reported` are the report's test accuracies by images per class, on `reported_on`, written as
    `reported_form`; `source` says where in the report. `mark` is a remark that every table and
    figure carries.
    """

    name: str
    load: Callable[[argparse.Namespace], Dataset]
    reported: Mapping[int, float]
    reported_on: str
    source: str
    reported_form: str = "{:.4f}"
    banner: str = DEMO_BANNER
    make_split: Callable[..., Split] = make_split
    mark: str = ""


def origin(options: argparse.Namespace, dataset: Dataset, splits: list[Split]) -> dict[str, Any]:
    """What the numbers of a run follow from: options, images, their split, and weights."""
    used = {k: v for k, v in settings(options).items() if k not in _BESIDE}
    content = json.dumps([asdict(split) for split in splits])
    return {
        "version": RECIPE_VERSION,
        "settings": {**used, "samples": sorted(set(options.samples))},
        "dataset": dataset.name,
        "images": _images_digest(dataset, splits),
        "split": hashlib.sha256(content.encode()).hexdigest(),
        "weights": weights_identity(weights_name(options, dataset), options.layer),
    }


def stored_result(options: argparse.Namespace, made_from: dict[str, Any]) -> dict[str, Any] | None:
    """The content of `result.json` if it is the result of `made_from` and all files are there."""
    path: Path = options.out / "result.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        same = content["origin"] == made_from and made_from["weights"] is not None
        complete = all((options.out / name).exists() for name in _files(options))
        runs_of(content)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return content if same and complete else None


def runs_of(result: dict[str, Any]) -> list[Run]:
    """The runs in the content of a `result.json`."""
    return [Run(**run) for run in result["runs"]]


def make_result(
    options: argparse.Namespace,
    experiment: Experiment,
    setting: Setting,
    runs: list[Run],
    made_from: dict[str, Any],
    seconds: float,
) -> dict[str, Any]:
    """What `result.json` holds."""
    return {
        **result_of(experiment.name, options, setting),
        "title": setting.title + experiment.mark,
        "layer": options.layer,
        "origin": made_from,
        "seconds": round(seconds, 1),
        "runs": [asdict(run) for run in runs],
    }


def print_result(result: dict[str, Any], experiment: Experiment, remark: str) -> None:
    """The table beside the report's numbers, a remark, and the result in one line."""
    runs, title = runs_of(result), result["title"]
    epochs = result["settings"]["epochs"]
    print(f"\n{title}, head on {result['layer']}, at most {epochs} epochs")
    print(samples_table(runs, experiment.reported, experiment.reported_form))
    print(f"report: {experiment.source}\n\n{remark}")
    most = max(run.samples for run in runs)
    accuracies = [run.test_accuracy for run in runs if run.samples == most]
    seeds = f", mean of {len(accuracies)} seeds" if len(accuracies) > 1 else ""
    print(f"{title}: test accuracy {mean(accuracies):.4f} at {most} images per class{seeds}")


def write_files(
    options: argparse.Namespace,
    experiment: Experiment,
    setting: Setting,
    results: list[Trained],
    result: dict[str, Any],
) -> None:
    """The data set's summary, the history, the figures, the classifiers, and then the result."""
    out, title = options.out, result["title"]
    (out / "result.json").unlink(missing_ok=True)  # an old one would not belong to these files
    with atomic_file(out / "dataset.txt") as path:
        path.write_text(summary(setting.dataset) + "\n", encoding="utf-8")
    write_history(out / "history.csv", results)
    for trained in results:
        samples, seed = trained.run.samples, trained.run.seed
        name = f"{title}: {samples} per class, seed {seed}"
        figure = history_figure(trained.history, name, trained.run.kept_epoch)
        save_figure(figure, out / f"history-{samples}-seed{seed}.png")
    figure = samples_figure(
        runs_of(result),
        f"{title}: head on {options.layer}",
        experiment.reported,
        chance=1 / setting.classes,
        reported_on=experiment.reported_on,
    )
    save_figure(figure, out / "accuracy.png")
    if not options.no_classifiers:
        save_classifiers(options, setting, results)
    write_json(out / "result.json", result)


def save_classifiers(options: argparse.Namespace, setting: Setting, results: list[Trained]) -> None:
    """Each trained head as a folder from which `experiments/predict.py` classifies photos."""
    backbone = setting.weights.chain(until=options.layer)
    digest = chain_digest(backbone)
    names, weights = setting.dataset.class_names, weights_name(options, setting.dataset)
    for trained in results:
        classifier = Classifier(backbone, trained.head, names, options.resize, weights)
        folder = options.out / f"classifier-{trained.run.samples}-seed{trained.run.seed}"
        classifier.save(folder, overwrite=True, digest=digest)


def _files(options: argparse.Namespace) -> list[str]:
    """The names of what a complete run leaves in its folder."""
    runs = [f"{samples}-seed{seed}" for samples in options.samples for seed in options.seed]
    names = ["split.json", "dataset.txt", "history.csv", "accuracy.png"]
    names += [f"history-{run}.png" for run in runs]
    if not options.no_classifiers:
        names += [f"classifier-{run}" for run in runs]
    if options.tensorboard:
        names += [f"tensorboard/{run}" for run in runs]
    return names


def _images_digest(dataset: Dataset, splits: list[Split]) -> str:
    """A hash of the encoded images that the splits use."""
    parts = [split.indices(dataset, p) for split in splits for p in ("train", "validation", "test")]
    used = np.unique(np.concatenate(parts))
    return hashlib.sha256(ImageArray(dataset, used).keys().tobytes()).hexdigest()
