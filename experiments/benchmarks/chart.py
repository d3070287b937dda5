"""Comparisons as a chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.results import Comparison, Row
from benchmarks.table import Summary, number
from vggjax.report.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from vggjax.report.shown import Figure

_OURS, _OTHERS = "tab:blue", "tab:gray"
_LOGARITHMIC_FROM = 30  # the ratio of the longest to the shortest bar


def chart(comparisons: Sequence[Comparison], subtitle: str) -> Figure:
    """One panel per comparison: a bar per arm, this project's in blue, whiskers over the rounds.

    Several that have a `column` share one panel, that of their summary.
    """
    summary = Summary.of(comparisons)
    together = len(summary.columns) > 1
    drawn = [each for each in comparisons if each.timed and not (together and each.column)]
    heights = [1.0 + 0.34 * len(each.timed) for each in drawn]
    heights += [1.2 + 0.3 * len(summary.rows)] if together else []
    figure = new_figure((8.5, sum(heights) + 0.8), layout="constrained")
    figure.suptitle(f"VGG16: this project (blue) and the alternatives\n{subtitle}", fontsize=10)
    panels = figure.subplots(len(heights), squeeze=False, height_ratios=heights)[:, 0]
    for axes, comparison in zip(panels, drawn, strict=False):
        _bars(axes, comparison)
    if together:
        _grid(panels[-1], summary)
    return figure


def _grid(axes: Axes, summary: Summary) -> None:
    """The summary's numbers on the colours of the ratios, from red (faster than ours) to green."""
    _, *others = summary.rows.values()
    own = [1.0] * len(summary.columns)
    ratios = np.array([own, *others], np.float64)  # None becomes nan, which has no colour
    colours = np.log2(ratios)
    axes.imshow(colours, "RdYlGn", vmin=-2, vmax=2, aspect="auto", alpha=0.6)
    for line, values in enumerate(summary.rows.values()):
        for column, value in enumerate(values):
            text = number(value) + ("/s" if line == 0 else "")
            axes.text(column, line, text, ha="center", va="center", fontsize=8)
    axes.set_xticks(range(len(summary.columns)), _broken(summary.columns))
    axes.set_yticks(range(len(summary.rows)), summary.rows)
    axes.set_title(
        "frozen features: images per second of this project; times of the others over its own",
        fontsize=9,
        loc="left",
    )
    axes.tick_params(labelsize=8, length=0)
    axes.spines[:].set_visible(False)


def _broken(columns: Sequence[str]) -> list[str]:
    return [column.replace(", ", "\nbatch ") for column in columns]


def _bars(axes: Axes, comparison: Comparison) -> None:
    rows = comparison.timed[::-1]  # the first comes out on top
    lows, middles, highs = np.transpose([_lengths(comparison, row) for row in rows])
    whiskers = middles - lows, highs - middles
    colours = [_OURS if row.ours else _OTHERS for row in rows]
    names = [row.arm for row in rows]
    bars = axes.barh(names, middles, 0.7, xerr=whiskers, capsize=3, color=colours)
    axes.bar_label(bars, [_label(comparison, row) for row in rows], padding=5, fontsize=8)
    logarithmic = max(middles) > _LOGARITHMIC_FROM * min(middles)
    axes.set_xscale("log" if logarithmic else "linear")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlim(right=max(highs) * (8 if logarithmic else 1.4))
    what = f"{comparison.unit} per second, longer" if comparison.units else "seconds, shorter"
    scale = " (logarithmic axis)" if logarithmic else ""
    axes.set_xlabel(f"{what} is better{scale}", fontsize=8)
    axes.set_title(comparison.title, fontsize=9, loc="left")
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _lengths(comparison: Comparison, row: Row) -> np.ndarray:
    """The smallest, median and largest value that the bar shows."""
    seconds = np.percentile(row.seconds, [0, 50, 100])
    return np.sort(comparison.units / seconds) if comparison.units else seconds


def _label(comparison: Comparison, row: Row) -> str:
    ratio, middle = comparison.ratio(row), _lengths(comparison, row)[1]
    peak = f", peak memory {number(row.peak_megabytes)} MB" if row.peak_megabytes else ""
    against = f"  (takes {number(ratio)} x our time)" if ratio is not None else ""
    return f"{number(middle)}{against}{peak}"
