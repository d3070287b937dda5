"""The confusion matrix as a figure, of 2 to some hundreds of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vggjax.evaluation import Confused, Predictions, confusion_matrix, most_confused
from vggjax.report.figure import new_figure, percents
from vggjax.report.lines import in_lines, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import PowerNorm

    from vggjax.report.shown import Figure

NAMED = 50  # classes up to which there is room for names and numbers
CELL, NAMES, SMALLEST, UNNAMED, BAR = 0.26, 2.3, 5.0, 7.5, 1.3  # inches
DARK = 0.36  # the share from which its cell takes white numbers
COLOUR = "tab:red"  # of the pairs that are named


def confusion_figure(predictions: Predictions, title: str) -> Figure:
    """What each class was taken for; below it, the pairs with the most mistakes.

    Up to NAMED classes, all have names and numbers of images; of more, those pairs are marked.
    Colours are shares of the images of a class, 0–1.
    """
    counts, names = confusion_matrix(predictions), predictions.class_names
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    pairs, named = most_confused(predictions), len(names) <= NAMED
    side = max(SMALLEST, NAMES + CELL * len(names)) if named else UNNAMED
    size = side + (0 if named else BAR), side + 0.15 * (4 + len(pairs))
    figure = new_figure(size, layout="constrained")
    axes = figure.subplots()
    drawn = axes.imshow(shares, cmap="Blues", norm=_colour_scale())
    axes.set(xlabel="taken for", ylabel="true class")
    figure.suptitle(in_lines(title, int(side * 11)), fontsize=11)
    if named:
        _name(axes, names)
        _number(axes, counts, shares)
    else:
        bar = figure.colorbar(drawn, shrink=0.5, format=percents())
        bar.set_label("share of the class's images", fontsize=8)
        _mark(axes, list(names), pairs)
    figure.supxlabel(_note(pairs, named), fontsize=8)
    return figure


def _colour_scale() -> PowerNorm:
    """The scale of colours: a few mistakes are seen beside many right answers."""
    from matplotlib.colors import PowerNorm

    return PowerNorm(0.5, 0, 1)


def _note(pairs: list[Confused], named: bool) -> str:
    """What is seen, and the pairs, one a line."""
    found = [
        f"{number}. {shown(pair.true, 26)} taken for {shown(pair.guess, 26)}: {pair.count}"
        for number, pair in enumerate(pairs, start=1)
    ]
    what = "numbers of test images; the darker, the larger their share of the class\n"
    return what * named + "\n".join(found or ["No image is wrong."])


def _name(axes: Axes, names: Sequence[str]) -> None:
    short = [shown(name) for name in names]
    axes.set_xticks(range(len(names)), short, rotation=90, fontsize=8)
    axes.set_yticks(range(len(names)), short, fontsize=8)


def _number(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    size = 10 if len(counts) <= 10 else 7
    for true, guess in np.argwhere(counts):
        colour = "white" if shares[true, guess] > DARK else "black"
        axes.text(guess, true, str(counts[true, guess]), ha="center", va="center", fontsize=size,
                  color=colour)  # fmt: skip


def _mark(axes: Axes, names: list[str], pairs: list[Confused]) -> None:
    """A ring with its number in the list for each of the pairs."""
    axes.set_xticks([])
    axes.set_yticks([])
    for number, pair in enumerate(pairs, start=1):
        x, y = names.index(pair.guess), names.index(pair.true)
        axes.scatter(x, y, 50, facecolors="none", edgecolors=COLOUR)
        axes.annotate(f"{number}", (x, y), (5, 3), textcoords="offset points", fontsize=8,
                      color=COLOUR)  # fmt: skip
