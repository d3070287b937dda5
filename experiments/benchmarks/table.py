"""Comparisons as text and as a bar chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.results import Comparison, Row
from vggjax.report import Table
from vggjax.report.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from vggjax.report.shown import Figure

_CONTENDED = "CONTENDED: other programs ran meanwhile; times and ratios are unreliable"
_OURS, _OTHERS = "tab:blue", "tab:gray"
_LOGARITHMIC_FROM = 30  # the ratio of the longest to the shortest bar


def describe(environment: dict[str, Any]) -> str:
    """The machine in one line, and the packages' versions in another."""
    versions = ", ".join(f"{name} {version}" for name, version in environment["versions"].items())
    python = f"Python {environment['python']}"
    return f"{environment['cpu']}, {environment['cores']} cores, {python}\n{versions}"


def table(comparison: Comparison) -> str:
    """A title, one line per arm, and the notes."""
    cells = [_cells(comparison, row) for row in comparison.rows]
    titles = [title for title in cells[0] if any(row[title] for row in cells)]
    rows = tuple(tuple(row[title] for title in titles) for row in cells)
    remarks = [f"{row.arm}: {row.note}" for row in comparison.rows if row.note]
    remarks += [f"{row.arm}: skipped, {row.skipped}" for row in comparison.rows if row.skipped]
    remarks += [_CONTENDED] if comparison.contended else []
    title = f"{comparison.key}: {comparison.title}"
    return "\n".join([title, Table(tuple(titles), rows).as_text(), *remarks, *comparison.notes])


def _cells(comparison: Comparison, row: Row) -> dict[str, str]:
    """The line of an arm, `{column: text}`, empty where there is nothing to say."""
    width = max(len(row.arm) for row in comparison.rows)
    timed, ratio = bool(row.seconds), comparison.ratio(row)
    return {
        "arm".ljust(width): row.arm.ljust(width),
        "median s": number(row.median) if timed else "skipped",
        "min … max s": f"{number(min(row.seconds))} … {number(max(row.seconds))}" if timed else "",
        "time / ours": "" if ratio is None else f"{number(ratio)} x",
        "error": "" if row.error is None else f"{row.error:.1e}",
        "peak MB": number(row.peak_megabytes),
        f"{comparison.unit}/s": number(comparison.rate(row)),
    }


def number(value: float | None) -> str:
    """Three digits that count, or the whole number; nothing for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}"


def chart(comparisons: Sequence[Comparison], subtitle: str) -> Figure:
    """One panel per comparison: a bar per arm, this project's in blue, whiskers over the rounds."""
    drawn = [comparison for comparison in comparisons if comparison.timed]
    heights = [1.0 + 0.34 * len(comparison.timed) for comparison in drawn]
    figure = new_figure((8.5, sum(heights) + 0.8), layout="constrained")
    figure.suptitle(
        f"VGG16 on a CPU: this project (blue) and the alternatives\n{subtitle}", fontsize=10
    )
    panels = figure.subplots(len(drawn), squeeze=False, height_ratios=heights)
    for axes, comparison in zip(panels[:, 0], drawn, strict=True):
        _panel(axes, comparison)
    return figure


def _panel(axes: Axes, comparison: Comparison) -> None:
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
