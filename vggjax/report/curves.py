"""The course of training: as a file, and as figures."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vggjax.files import atomic_file
from vggjax.report.accuracy import OURS, VALIDATION, percent
from vggjax.report.figure import new_figure
from vggjax.report.lines import in_lines
from vggjax.training import Epoch, TrainedHead

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from vggjax.report.shown import Figure

METRICS = ("loss", "accuracy")


def write_history(path: Path, heads: Iterable[TrainedHead]) -> None:
    """Write a CSV file with one line per epoch of each head (C2).

    Its columns are the head's key, then `epoch,loss,accuracy,val_loss,val_accuracy`. Losses are in
    nats, accuracies in 0–1; without validation its columns are empty.
    """
    heads = list(heads)
    names = list(heads[0].record.key) if heads else []
    with (
        atomic_file(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow((*names, "epoch", *METRICS, *(f"val_{name}" for name in METRICS)))
        for head in heads:
            for epoch in head.history:
                parts = epoch.train, epoch.validation
                values = [getattr(part, name, "") for part in parts for name in METRICS]
                writer.writerow((*head.record.key.values(), epoch.number, *values))


def history_figure(heads: Mapping[str, TrainedHead], title: str) -> Figure:
    """Loss and accuracy per epoch, training and validation (C2, U2, C5).

    Each of the `heads` is a column of two panels under its name; a single one has them side by
    side. A dotted line marks the epoch whose parameters were kept, where it isn't the last.
    """
    count = len(heads)
    rows, columns = (1, 2) if count == 1 else (2, count)
    figure = new_figure((max(9, 0.6 + 2.9 * columns), 3.6 * rows), layout="constrained")
    figure.suptitle(in_lines(title, 30 * columns))
    panels = figure.subplots(rows, columns, squeeze=False, sharey="row" if count > 1 else False)
    pairs = panels if count == 1 else panels.T
    for (loss, accuracy), (name, head) in zip(pairs, heads.items(), strict=True):
        for axes, metric in ((loss, "loss"), (accuracy, "accuracy")):
            _both_curves(axes, head, metric)
        loss.set_title(name if count > 1 else "", fontsize=10)
        loss.set_ylim(0, None)
        percent(accuracy)
    for axes, label in zip(pairs[0], ("cross-entropy", "accuracy"), strict=True):
        axes.set_ylabel(label)
        axes.legend(fontsize=8)
    return figure


def validation_figure(panels: Mapping[str, Mapping[str, TrainedHead]], title: str) -> Figure:
    """Validation accuracy per epoch: one panel for each name, one line for each head in it."""
    figure = new_figure((0.8 + 4.4 * len(panels), 4), layout="constrained")
    figure.suptitle(in_lines(title, 50 * len(panels)))
    row = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axes, (name, heads) in zip(row, panels.items(), strict=True):
        validation_curves(axes, {label: head.history for label, head in heads.items()})
        axes.set_title(name, fontsize=10)
    row[0].set_ylabel("validation accuracy")
    return figure


def validation_curves(axes: Axes, histories: Mapping[str, Sequence[Epoch]]) -> None:
    """Validation accuracy per epoch, a line for each history."""
    for label, history in histories.items():
        points = [(e.number, e.validation.accuracy) for e in history if e.validation]
        axes.plot(*zip(*points, strict=True), label=label, clip_on=False,
                  marker="o" if len(points) < 20 else None, ms=4)  # fmt: skip
    _epochs(axes)
    percent(axes)
    axes.legend(fontsize=8)


def _both_curves(axes: Axes, head: TrainedHead, metric: str) -> None:
    for part, colour, style in (("train", OURS, "-"), ("validation", VALIDATION, "--")):
        measured = [(e.number, getattr(e, part)) for e in head.history if getattr(e, part)]
        points = [(number, getattr(metrics, metric)) for number, metrics in measured]
        if points:
            label = "training" if part == "train" else part
            marker = "." if len(points) == 1 else None
            axes.plot(*zip(*points, strict=True), style, color=colour, label=label, marker=marker)
    if head.record.kept_epoch != len(head.history):
        axes.axvline(head.record.kept_epoch, color="black", lw=0.8, ls=":", label="kept epoch")
    _epochs(axes)


def _epochs(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
