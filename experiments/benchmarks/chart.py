"""Comparisons as a bar chart."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.results import Comparison, Row
from benchmarks.table import number

_OURS, _OTHERS = "tab:blue", "tab:gray"
_LOGARITHMIC_FROM = 30  # the ratio of the longest to the shortest bar


def chart(comparisons: Sequence[Comparison], subtitle: str) -> Figure:
    """One panel per comparison: a bar per arm, this project's in blue, whiskers over the rounds."""
    drawn = [comparison for comparison in comparisons if comparison.timed]
    heights = [1.0 + 0.34 * len(comparison.timed) for comparison in drawn]
    figure = Figure(figsize=(8.5, sum(heights) + 0.8), layout="constrained")
    figure.suptitle(
        f"VGG16 on a CPU: this project (blue) and the alternatives\n{subtitle}", fontsize=10
    )
    panels = figure.subplots(len(drawn), squeeze=False, height_ratios=heights)
    for axes, comparison in zip(panels[:, 0], drawn, strict=True):
        _panel(axes, comparison)
    return figure


def _panel(axes: Axes, comparison: Comparison) -> None:
    rows = comparison.timed[::-1]  # the first comes out on top
    lows, middles, highs = zip(*(_lengths(comparison, row) for row in rows), strict=True)
    errors = [
        [middle - low for low, middle in zip(lows, middles, strict=True)],
        [high - middle for middle, high in zip(middles, highs, strict=True)],
    ]
    colours = [_OURS if row.ours else _OTHERS for row in rows]
    axes.barh([row.arm for row in rows], middles, 0.7, xerr=errors, capsize=3, color=colours)
    for place, (row, high) in enumerate(zip(rows, highs, strict=True)):
        text = _label(comparison, row)
        axes.annotate(
            text, (high, place), (5, 0), textcoords="offset points", va="center", fontsize=8
        )
    logarithmic = max(middles) > _LOGARITHMIC_FROM * min(middles)
    if logarithmic:
        axes.set_xscale("log")
    axes.set_xlim(right=max(highs) * (8 if logarithmic else 1.4))
    axes.set_xlabel(_meaning(comparison, logarithmic), fontsize=8)
    axes.set_title(comparison.title, fontsize=9, loc="left")
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _lengths(comparison: Comparison, row: Row) -> tuple[float, float, float]:
    """The smallest, median and largest value that the bar shows."""
    low, middle, high = min(row.seconds), row.median, max(row.seconds)
    if not comparison.units:
        return low, middle, high
    return comparison.units / high, comparison.units / middle, comparison.units / low


def _label(comparison: Comparison, row: Row) -> str:
    ratio, middle = comparison.ratio(row), _lengths(comparison, row)[1]
    peak = f", peak memory {number(row.peak_megabytes)} MB" if row.peak_megabytes else ""
    against = f"  (takes {number(ratio)} x our time)" if ratio is not None else ""
    return f"{number(middle)}{against}{peak}"


def _meaning(comparison: Comparison, logarithmic: bool) -> str:
    what = f"{comparison.unit} per second, longer is better" if comparison.units else ""
    what = what or "seconds, shorter is better"
    return f"{what} (logarithmic axis)" if logarithmic else what
