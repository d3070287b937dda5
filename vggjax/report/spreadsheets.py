"""What a classifier said, and what it mistook, as CSV files."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from itertools import chain
from pathlib import Path

import numpy as np

from vggjax.evaluation import Predictions, Suspect, class_accuracies, confusion_matrix
from vggjax.files import AS_ON_DISK, atomic_file

COLUMNS = 50  # classes up to which each has a column of probabilities
LIKELIEST = 5  # of more classes, those whose probabilities are written


def write_predictions(path: Path, told: Predictions) -> None:
    """A line for each image: its class, the guess, both probabilities.

    With up to COLUMNS classes, the probabilities of all follow, as P(class); with more, the
    LIKELIEST classes, each with its probability. Probabilities are in 0–1.
    """
    names, wide = told.class_names, len(told.class_names) <= COLUMNS
    header = ["image", "class", "guess", "right", "probability of guess", "probability of class"]
    places = [(f"class {n}", f"probability {n}") for n in range(1, LIKELIEST + 1)]
    rows = []
    for image, label, guess, row in zip(
        told.ids, told.labels, told.guesses, told.probabilities, strict=True
    ):
        own = [image, names[label], names[guess], int(label == guess), row[guess], row[label]]
        best = np.argsort(-row, kind="stable")[:LIKELIEST]
        more = row if wide else [cell for i in best for cell in (names[i], row[i])]
        rows.append([*own, *more])
    _write(path, [*header, *([f"P({n})" for n in names] if wide else chain(*places))], rows)


def write_confusion(path: Path, told: Predictions) -> None:
    """A line for each true class, a column for each class it was taken for: numbers of images."""
    rows = zip(told.class_names, confusion_matrix(told).tolist(), strict=True)
    _write(path, ["true class", *told.class_names], ([name, *counts] for name, counts in rows))


def write_classes(path: Path, told: Predictions) -> None:
    """A line for each class: images, share that is right with its 95 % interval, chief mistake."""
    rows = (astuple(each) for each in class_accuracies(told))
    _write(path, ["class", "images", "right", "low", "high", "most often taken for"], rows)


def write_suspects(path: Path, told: Predictions, found: Sequence[Suspect]) -> None:
    """A line for each image whose label may be wrong, the likeliest first."""
    names, rows = told.class_names, []
    for each in found:
        row, label = told.probabilities[each.image], told.labels[each.image]
        suggested = each.suggested
        rows.append(
            [told.ids[each.image], names[label], names[suggested], row[label], row[suggested]]
        )
    header = ["image", "label", "suggested", "probability of label", "probability of suggested"]
    _write(path, header, rows)


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with (
        atomic_file(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors=AS_ON_DISK) as file,
    ):
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else value
