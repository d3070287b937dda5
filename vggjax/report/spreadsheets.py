"""What a classifier said, and what it mistook, as CSV files."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from vggjax.evaluation import Predictions, Suspect, confusion_matrix, wilson_interval

COLUMNS = 50  # classes up to which each has a column of probabilities


def write_predictions(path: Path, told: Predictions) -> None:
    """A line for each image: its class, the guess, both probabilities.

    With up to COLUMNS classes, the probabilities of all follow. Probabilities are in 0–1.
    """
    names, wide = told.class_names, len(told.class_names) <= COLUMNS
    header = ["image", "class", "guess", "right", "probability of guess", "probability of class"]
    rows = []
    for i, image in enumerate(told.ids):
        label, guess, row = told.labels[i], told.guesses[i], told.probabilities[i]
        own = [image, names[label], names[guess], int(label == guess), row[guess], row[label]]
        rows.append([*own, *(row if wide else ())])
    _write(path, [*header, *(names if wide else ())], rows)


def write_confusion(path: Path, told: Predictions) -> None:
    """A line for each true class, a column for each class it was taken for: numbers of images."""
    rows = zip(told.class_names, confusion_matrix(told).tolist(), strict=True)
    _write(path, ["true class", *told.class_names], ([name, *counts] for name, counts in rows))


def write_classes(path: Path, told: Predictions) -> None:
    """A line for each class: images, share that is right with its 95 % interval, chief mistake."""
    counts = confusion_matrix(told)
    rows = []
    for label in told.classes_here:
        own, total = counts[label].copy(), counts[label].sum()
        share = own[label] / total
        own[label] = 0
        mistaken = told.class_names[own.argmax()] if own.any() else ""
        low, high = wilson_interval(share, total)
        rows.append([told.class_names[label], total, share, low, high, mistaken])
    rows.sort(key=lambda row: (row[2], row[0]))
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
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else value
