"""Figures of what a classifier gets right and wrong, and how far to trust its probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vggjax.evaluation import (
    Predictions,
    Suspect,
    calibration_error,
    class_accuracies,
    reliability,
)
from vggjax.evaluation.calibration import BINS
from vggjax.report.accuracy import OURS, VALIDATION, percent
from vggjax.report.figure import new_figure, percents
from vggjax.report.lines import in_lines, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from vggjax.report.shown import Figure

ENDS = 15  # classes at either end in the figure of accuracies, where there are more than both
WORST, SUSPECTS = 24, 12  # pictures
COLUMNS, PICTURE = 6, 1.9  # of pictures; the width of one in inches
CERTAIN = 0.995  # what would be rounded to 100%


def reliability_figure(told: Predictions, title: str, before: Predictions | None = None) -> Figure:
    """Accuracy against confidence, and how many images are where; `before` calibration, too."""
    figure = new_figure((5.4, 6.2), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    above.plot((0, 1), (0, 1), color="black", lw=0.8, ls=":", label="as it should be")
    if before is not None:
        _reliability(above, before, VALIDATION, "before calibration")
    _reliability(above, told, OURS, "calibrated")
    below.hist(told.confidence, bins=BINS, range=(0, 1), color=OURS, alpha=0.7)
    percent(above)
    above.set_ylabel("share of these that is right")
    below.set(xlabel="probability that it gave its guess", ylabel="test images", xlim=(0, 1.03))
    below.xaxis.set_major_formatter(percents())
    below.grid(alpha=0.3)
    _title(figure, title, 56)
    figure.legend(fontsize=8, loc="outside lower center")  # the points may be anywhere
    return figure


def _reliability(axes: Axes, told: Predictions, colour: str, label: str) -> None:
    """A line, with points as large as the numbers of images that they stand for."""
    bins = reliability(told)
    x, y = [b.confidence for b in bins], [b.accuracy for b in bins]
    sizes = [8 + 150 * b.count / len(told) for b in bins]
    error = f"{label}: expected calibration error {calibration_error(told):.3f}"
    axes.plot(x, y, color=colour, lw=1, label=error)
    axes.scatter(x, y, sizes, color=colour, zorder=3, clip_on=False)


def class_figure(predictions: Predictions, title: str) -> Figure:
    """Each class's accuracy with its 95 % interval, the worst first; of many, both ends."""
    found = class_accuracies(predictions)
    few = len(found) <= 2 * ENDS
    rows = found if few else [*found[:ENDS], *found[-ENDS:]]
    places = np.arange(len(rows)) + (0 if few else np.arange(len(rows)) >= ENDS)  # a gap between
    figure = new_figure((6.4, 1.8 + 0.22 * len(rows)), layout="constrained")
    axes = figure.subplots()
    values, lows, highs = np.transpose([(row.accuracy, row.low, row.high) for row in rows])
    reach = values - lows, highs - values
    axes.errorbar(values, places, xerr=reach, fmt="o", color=OURS, capsize=2, ms=4)
    axes.set_yticks(places, [shown(row.name, 28) for row in rows])
    mean = predictions.balanced_accuracy
    label = f"mean of all classes, {mean:.1%}"
    axes.axvline(mean, color="black", lw=0.8, ls=":", label=label)
    axes.set(xlim=(0, 1.03), ylim=(places[-1] + 0.7, -0.7), xlabel="right, with 95 % interval")
    axes.xaxis.set_major_formatter(percents())
    axes.grid(alpha=0.3)
    figure.legend(fontsize=8, loc="outside lower center")
    left_out = "" if few else f" (the {ENDS} worst and the {ENDS} best of {len(found)} classes)"
    _title(figure, title + left_out, 68)
    return figure


def errors_figure(images: Any, told: Predictions, wrong: np.ndarray, title: str) -> Figure:
    """The images at `wrong`, each with its class, what it was taken for and how surely.

    `images` are indexed by one number to give uint8 (H, W, 3).
    """
    names = told.class_names
    labels = [
        f"is {shown(names[told.labels[i]], 22)}\n"
        f"taken for {shown(names[told.guesses[i]], 14)}, {_surely(told.confidence[i])}"
        for i in wrong
    ]
    return _pictures(images, told, list(wrong), labels, title)


def suspects_figure(images: Any, told: Predictions, found: Sequence[Suspect], title: str) -> Figure:
    """Images whose labels may be wrong: the label, and what is suggested instead."""
    labels = [
        f"labelled {shown(told.class_names[told.labels[each.image]], 18)}\n"
        f"rather {shown(told.class_names[each.suggested], 19)}?"
        for each in found
    ]
    return _pictures(images, told, [each.image for each in found], labels, title)


def _pictures(
    images: Any, told: Predictions, chosen: Sequence[int], labels: Sequence[str], title: str
) -> Figure:
    """Some images, each with its label above and its file's name below."""
    columns = min(COLUMNS, max(3, len(chosen)))
    rows = max(1, -(-len(chosen) // columns))
    figure = new_figure((PICTURE * columns, 2.35 * rows + 0.6), layout="constrained")
    _title(figure, title, 15 * columns)
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for axes, index, label in zip(grid, chosen, labels, strict=False):
        axes.imshow(images[index])
        axes.set_title(label, fontsize=7.5, loc="left")
        file = shown(told.ids[index].split("/")[-1], 32, end=True)
        axes.text(0, -0.03, file, fontsize=6, color="0.4", va="top", transform=axes.transAxes)
    for axes in figure.axes:
        axes.axis("off")
    return figure


def _title(figure: Figure, title: str, letters: int) -> None:
    """Above the whole figure, where long names beside the axes leave it room."""
    figure.suptitle(in_lines(title, letters), fontsize=11)


def _surely(share: float) -> str:
    return f"{share:.0%}" if share < CERTAIN else ">99%"
