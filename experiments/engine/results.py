"""What a run is made from, what it lacks, and the files that it leaves."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from engine.command_line import identity
from engine.job import Job, Outcome
from vggjax.data import ImageArray, save_splits, summary
from vggjax.errors import one_line
from vggjax.evaluation import wilson_interval
from vggjax.files import atomic_file, name_hash, write_text
from vggjax.model import chain_digest, kernels
from vggjax.model.layers import KINDS
from vggjax.provenance import versions
from vggjax.report import save_figure, write_history
from vggjax.training import Record, TrainedHead, used_images

if TYPE_CHECKING:
    from vggjax.report.shown import Figure

RECIPE_VERSION = 3  # raise it when the same options and images would give other numbers


def origin_of(experiment: str, job: Job[Any]) -> dict[str, Any]:
    """What a run follows from: options, images, their split, weights, arithmetic.

    Weights count by their content. Only whether the reference's numbers and the mark of the demo
    belong to the result hangs on what they are called.
    """
    return {
        "experiment": experiment,
        "version": RECIPE_VERSION,
        "options": identity(job.options),
        "dataset": None if job.dataset is None else job.dataset.name,
        "images": _images_digest(job),
        "splits": _digest(json.dumps([asdict(split) for split in job.splits])),
        "weights": job.weights_identity,
        "comparable": job.comparable,
        "demo": job.demo,
        "versions": versions(),
        "arithmetic": [kernels.family(), {kind: KINDS[kind].version for kind in KINDS}],
    }


def shortfall(job: Job[Any], heads: Sequence[TrainedHead]) -> list[str]:
    """One sentence about the images that were asked for and aren't there, if that is so."""
    if not heads:
        return []
    split = job.splits[0]
    asked = {"train": split.samples, "validation": split.val, "test": split.test}
    lacking = {}
    for name, own in split.classes.items():
        there = {part: len(getattr(own, part)) for part in asked}
        if any(there[part] < asked[part] for part in asked):
            lacking[name] = there
    if not lacking:
        return []
    smallest = min(lacking, key=lambda name: sum(lacking[name].values()))
    counts = [(part, lacking[smallest][part], most) for part, most in asked.items()]
    words = ", ".join(f"{there} of {most} {part}" for part, there, most in counts if there < most)
    others = f"; {len(lacking)} of {len(split.classes)} classes have fewer" * (len(lacking) > 1)
    return [f"Fewer images than asked for: the class {smallest} has {words} images{others}."]


def write_files(job: Job[Any], outcome: Outcome, folder: Path) -> None:
    """The split, the data set's summary, the history, the classifiers and the figures."""
    if job.splits:
        save_splits(folder / "split.json", job.splits)
        write_text(folder / "dataset.txt", summary(job.data) + "\n")
    if outcome.heads:
        write_history(folder / "history.csv", outcome.heads)
        if job.options.classifiers:
            _save_classifiers(job, outcome.heads, folder)
    for name, write in outcome.tables.items():
        write(folder / name)
    for name, figure in outcome.figures.items():
        _save_picture(figure, folder / name)


def _save_classifiers(job: Job[Any], heads: Sequence[TrainedHead], folder: Path) -> None:
    """Each trained head as a folder from which `experiments/predict.py` classifies photos."""
    from vggjax.training import Classifier

    backbones = {head.layers[-1]: job.chain.until(head.layers[-1]) for head in heads}
    digests = {layer: chain_digest(backbone) for layer, backbone in backbones.items()}
    for head in heads:
        classifier = Classifier(
            backbones[head.layers[-1]],
            head.calibrated,
            job.data.class_names,
            job.resize,
            job.weights_name,
            head.views,
            sure_above=head.judgement.sure_above,
            about=_known(head.record, job),
        )
        classifier.save(folder / f"classifier-{head.record.name}", digest=digests[head.layers[-1]])


def _known(record: Record, job: Job[Any]) -> dict[str, Any]:
    """What a classifier carries along of how it was made."""
    low, high = wilson_interval(record.test.accuracy, record.images["test"])
    return {
        "trained on": job.data.name,
        "images": dict(record.images),
        "test accuracy": record.test.accuracy,
        "95 % interval": [low, high],
        "calibration error": record.calibration["error"],
        "head": record.chosen,
        "versions": versions(),
    }


def _save_picture(picture: Figure | np.ndarray, path: Path) -> None:
    """Write a picture; one that can't be drawn costs no result, and stderr says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        if isinstance(picture, np.ndarray):
            with atomic_file(path) as temporary:
                Image.fromarray(picture).save(temporary, format="png")
        else:
            save_figure(picture, path)
    except OSError:  # a full disk: nothing else could be written either
        raise
    except Exception as error:
        print(f"{path.name} could not be drawn ({one_line(error)}).", file=sys.stderr)


def _images_digest(job: Job[Any]) -> str | None:
    """A hash of the encoded images that the run uses: those of its splits, or all."""
    if job.dataset is None:
        return None
    used = used_images(job.dataset, job.splits) if job.splits else None
    return hashlib.sha256(ImageArray(job.dataset, used).keys().tobytes()).hexdigest()


def _digest(text: str) -> str:
    return name_hash(text).hexdigest()
