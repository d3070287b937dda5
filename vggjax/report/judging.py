"""Figures of what a classifier gets right and wrong, and how far its probabilities can be trusted.

Class names are the user's text: matplotlib never reads them as formulas.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from vggjax.evaluation import (
    Predictions,
    Suspect,
    calibration_error,
    confusion_matrix,
    most_confused,
    reliability,
    wilson_interval,
)
from vggjax.evaluation.calibration import BINS
from vggjax.report.accuracy import OURS, VALIDATION, percent
from vggjax.report.figure import Figure
from vggjax.report.lines import in_lines

NUMBERED = 30  # classes up to which a confusion matrix has room for names and numbers
BARS = 30  # classes in the figure of accuracies
WORST, SUSPECTS = 24, 12  # pictures
COLUMNS = 6


def reliability_figure(told: Predictions, title: str, before: Predictions | None = None) -> Figure:
    """Accuracy against confidence, and how many images are where; `before` calibration, too."""
    figure = Figure(figsize=(5.4, 5.6), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    above.plot((0, 1), (0, 1), color="black", lw=0.8, ls=":", label="as it should be")
    if before is not None:
        _reliability(above, before, VALIDATION, "before calibration")
    _reliability(above, told, OURS, "calibrated")
    below.hist(told.confidence, bins=BINS, range=(0, 1), color=OURS, alpha=0.7)
    percent(above)
    above.set_ylabel("of these, right")
    above.set_title(in_lines(title, 50), fontsize=11, parse_math=False)
    above.legend(fontsize=8, loc="upper left")
    below.set(xlabel="probability that it gave its guess", ylabel="test images", xlim=(0, 1.03))
    below.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    below.grid(alpha=0.3)
    return figure


def _reliability(axes: Axes, told: Predictions, colour: str, label: str) -> None:
    """A line, with points as large as the numbers of images that they stand for."""
    bins = reliability(told)
    x, y = [b.confidence for b in bins], [b.accuracy for b in bins]
    sizes = [8 + 150 * b.count / len(told) for b in bins]
    axes.plot(x, y, color=colour, lw=1, label=f"{label}: error {calibration_error(told):.3f}")
    axes.scatter(x, y, sizes, color=colour, zorder=3)


def confusion_figure(predictions: Predictions, title: str) -> Figure:
    """What each class was taken for, in shares of its images; the worst pairs are named."""
    counts, names = confusion_matrix(predictions), predictions.class_names
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    small = len(names) <= NUMBERED
    side = 2.6 + 0.32 * len(names) if small else 7.5
    figure = Figure(figsize=(side, side + 0.7), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="taken for", ylabel="true class")
    axes.set_title(in_lines(title, int(side * 10)), fontsize=11, parse_math=False)
    if small:
        _name_ticks(axes, names)
        _numbers(axes, counts, shares)
    else:
        axes.set_xticks([])
        axes.set_yticks([])
    pairs = [f"{p.true} taken for {p.guess}: {p.count}" for p in most_confused(predictions)]
    note = in_lines("; ".join(pairs) or "No image is wrong.", int(side * 14))
    figure.supxlabel(note, fontsize=8, parse_math=False)
    return figure


def class_figure(predictions: Predictions, title: str) -> Figure:
    """Each class's accuracy with its 95 % interval, the worst first; of many, both ends."""
    found = []
    for label in predictions.classes_here:
        own = predictions.correct[predictions.labels == label]
        share = float(own.mean())
        found.append((share, *wilson_interval(share, len(own)), predictions.class_names[label]))
    found.sort(key=lambda row: (row[0], row[-1]))
    shown = found if len(found) <= BARS else [*found[: BARS // 2], *found[-BARS // 2 :]]
    figure = Figure(figsize=(6.4, 1.4 + 0.22 * len(shown)), layout="constrained")
    axes = figure.subplots()
    values, lows, highs, names = zip(*shown, strict=True)
    reach = np.subtract(values, lows), np.subtract(highs, values)
    axes.errorbar(values, range(len(shown)), xerr=reach, fmt="o", color=OURS, capsize=2, ms=4)
    axes.set_yticks(range(len(shown)), [_short(name, 28) for name in names], parse_math=False)
    axes.axvline(predictions.balanced_accuracy, color="black", lw=0.8, ls=":", label="mean")
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.03), xlabel="right, with the 95 % interval of the class's test images")
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower left")
    left_out = "" if shown is found else f" (the {BARS // 2} worst and best of {len(found)})"
    axes.set_title(in_lines(title + left_out, 60), fontsize=11, parse_math=False)
    return figure


def errors_figure(images: Any, told: Predictions, wrong: np.ndarray, title: str) -> Figure:
    """The images at `wrong`, each with its class, what it was taken for and how surely.

    `images` are indexed by one number to give uint8 (H, W, 3).
    """
    labels = [
        f"{_short(told.class_names[told.labels[i]])}\n→ {_short(told.class_names[told.guesses[i]])}"
        f"  {told.confidence[i]:.0%}"
        for i in wrong
    ]
    return _pictures(images, list(wrong), labels, title)


def suspects_figure(images: Any, told: Predictions, found: Sequence[Suspect], title: str) -> Figure:
    """Images whose labels may be wrong: the label, and what is suggested instead."""
    labels = [
        f"labelled {_short(told.class_names[told.labels[each.image]], 15)}\n"
        f"rather {_short(told.class_names[each.suggested], 17)}?"
        for each in found
    ]
    return _pictures(images, [each.image for each in found], labels, title)


def _pictures(images: Any, chosen: Sequence[int], labels: Sequence[str], title: str) -> Figure:
    columns = min(COLUMNS, max(3, len(chosen)))
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(1.75 * columns, 2.25 * rows + 0.6), layout="constrained")
    figure.suptitle(in_lines(title, 14 * columns), fontsize=11, parse_math=False)
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for axes, index, label in zip(grid, chosen, labels, strict=False):
        axes.imshow(images[index])
        axes.set_title(label, fontsize=8, loc="left", parse_math=False)
    for axes in figure.axes:
        axes.axis("off")
    return figure


def _name_ticks(axes: Axes, names: Sequence[str]) -> None:
    short = [_short(name) for name in names]
    axes.set_xticks(range(len(names)), short, rotation=90, fontsize=8, parse_math=False)
    axes.set_yticks(range(len(names)), short, fontsize=8, parse_math=False)


def _numbers(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    for true, guess in np.argwhere(counts):
        colour = "white" if shares[true, guess] > 0.5 else "black"
        axes.text(guess, true, str(counts[true, guess]), ha="center", va="center", fontsize=7,
                  color=colour)  # fmt: skip


def _short(name: str, most: int = 20) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
