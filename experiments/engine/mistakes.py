"""What the best head of a run got wrong: tables and pictures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engine.heads import Inputs
from engine.job import Job
from vggjax.data import ImageArray
from vggjax.evaluation import Predictions, Suspect, most_confused, suspects, worst_errors
from vggjax.linear import Choice, Rows, out_of_fold
from vggjax.report import (
    class_figure,
    confusion_figure,
    errors_figure,
    reliability_figure,
    suspects_figure,
    write_classes,
    write_confusion,
    write_predictions,
    write_suspects,
)
from vggjax.report.figure import Figure
from vggjax.report.judging import SUSPECTS, WORST
from vggjax.training import TrainedHead

LARGE = 4000  # images from which on averaged maps must do, to find labels that may be wrong
STRENGTH = 0.1  # of the ridge that judges labels


@dataclass(frozen=True)
class Mistakes:
    """A head's answers to its test images, and what is suspect of all the run's labels."""

    head: TrainedHead
    everything: Predictions
    suspects: Sequence[Suspect]

    @property
    def before(self) -> Predictions | None:
        """Its answers before calibration, if it gave probabilities by itself."""
        return self.head.judgement.before if self.head.history else None

    @property
    def facts(self) -> dict[str, Any]:
        """The chief of them, as JSON-compatible data."""
        first = self.everything.ids[self.suspects[0].image] if self.suspects else None
        confused = most_confused(self.head.judgement.tested)
        return {
            **self.head.record.calibration,
            "confused": [[pair.true, pair.guess, pair.count] for pair in confused],
            "suspects": len(self.suspects),
            "first suspect": first,
            "images": len(self.everything),
        }

    @property
    def tables(self) -> dict[str, Callable[[Path], None]]:
        """What writes each of the tables."""
        tested = self.head.judgement.tested
        return {
            "predictions.csv": partial(write_predictions, told=tested),
            "confusion.csv": partial(write_confusion, told=tested),
            "classes.csv": partial(write_classes, told=tested),
            "suspects.csv": partial(write_suspects, told=self.everything, found=self.suspects),
        }

    def figures(self, job: Job[Any], label: str) -> dict[str, Figure]:
        """Pictures of them; the head is called `label`."""
        title, told = f"{job.title}: {label}", self.head.judgement.tested
        figures = {
            "reliability.png": reliability_figure(told, title, self.before),
            "confusion.png": confusion_figure(told, title),
            "classes.png": class_figure(told, title),
        }
        wrong = worst_errors(told, WORST)
        if len(wrong):
            count = int((~told.correct).sum())
            about = f"{title}, {min(count, WORST)} of {count} mistakes, the surest first"
            figures["errors.png"] = errors_figure(_images(job, told.ids), told, wrong, about)
        if self.suspects:
            shown = self.suspects[:SUSPECTS]
            about = f"{job.title}: labels that may be wrong, {len(shown)} of {len(self.suspects)}"
            pictures = _images(job, self.everything.ids)
            figures["suspects.png"] = suspects_figure(pictures, self.everything, shown, about)
        return figures


def chief(heads: Sequence[TrainedHead]) -> TrainedHead:
    """The head whose mistakes are shown: of the first seed, the one with the most right."""
    seed = heads[0].record.key["seed"]
    own = [head for head in heads if head.record.key["seed"] == seed]
    return max(own, key=lambda head: head.record.test.accuracy)


def mistakes(job: Job[Any], head: TrainedHead, inputs: Inputs) -> Mistakes:
    """What a head got wrong, and which of the run's labels may be wrong, by a linear head."""
    examples, names = inputs.everything(head.layers, job.splits[0])
    rows = Rows() if len(names) < LARGE else Rows(maps="average")
    told = out_of_fold(examples, job.classes, Choice("ridge", head.layers, rows, STRENGTH))
    everything = Predictions(names, examples.labels, told, job.data.class_names)
    return Mistakes(head, everything, suspects(everything))


def in_words(found: Mapping[str, Any]) -> list[str]:
    """The facts of some mistakes as sentences."""
    pairs = "; ".join(f"{true} as {guess} ({n})" for true, guess, n in found["confused"][:3])
    notes = [f"mistakes of {found['of']}: {pairs}" if pairs else f"{found['of']}: no mistakes"]
    notes.append(f"of its wrong answers, {found['confident errors']:.0%} have over 95 %")
    if found["suspects"]:
        few = f"{found['suspects']} of {found['images']:,} labels may be wrong"
        notes.append(f"{few}, first of all that of {found['first suspect']} (suspects.png)")
    return notes


def _images(job: Job[Any], ids: Sequence[str]) -> ImageArray:
    places = {name: number for number, name in enumerate(job.data.ids)}
    return job.images(np.array([places[name] for name in ids]))
