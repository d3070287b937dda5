"""Figures of accuracies, with the range that each rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

from vggjax.data.splits import Part
from vggjax.files import atomic_file
from vggjax.report.figure import new_figure, percents
from vggjax.report.lines import in_lines
from vggjax.report.tables import spread
from vggjax.training import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from vggjax.report.shown import Figure

OURS, REFERENCE, VALIDATION = "tab:blue", "tab:gray", "tab:orange"
COLOURS = (
    *(OURS, "tab:green", "tab:red", "tab:purple", "tab:brown", "tab:cyan"),
    *("tab:pink", "tab:olive", "black", "gold"),
)


def accuracy_figure(
    series: Mapping[str, Mapping[float, Sequence[Record]]],
    title: str,
    xlabel: str,
    chance: float,
    reference: Mapping[float, float] | None = None,
    about: str = "",
    measured: Part = "test",
    theirs: str = "",
) -> Figure:
    """Accuracy against a number, such as training images per class (C3, U2); see below."""
    figure = new_figure((6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    accuracy_curves(axes, series, xlabel, chance, reference, about, measured, theirs)
    axes.set_title(in_lines(title, 60), fontsize=11)
    return figure


def accuracy_curves(
    axes: Axes,
    series: Mapping[str, Mapping[float, Sequence[Record]]],
    xlabel: str,
    chance: float,
    reference: Mapping[float, float] | None = None,
    about: str = "",
    measured: Part = "test",
    theirs: str = "",
) -> None:
    """Test accuracies with their ranges, one curve for each of the `series`, by their names.

    Each is `{x: records}`. A thin line is the accuracy on the training images. `chance` is the
    accuracy of guessing (0–1); `reference` the reference's accuracies on the part `measured`, of
    the data that `about` names: if those are validation accuracies, so are those drawn of the
    series `theirs`, which repeats it.
    """
    many = len(series) > 2  # then the legend has their names alone
    for (name, groups), colour in zip(series.items(), cycle(COLOURS), strict=False):
        prefix = f"{name}: " if name else ""
        values, below, above = _ranges(list(groups.values()))
        label = name if many else f"{prefix}test, {range_label(groups)}"
        axes.errorbar(list(groups), values, yerr=(below, above), color=colour, marker="o", zorder=3,
                      ms=4 if many else None, capsize=3, label=label)  # fmt: skip
        axes.plot(list(groups), _means(groups, "train"), color=colour, lw=0.8,
                  label=None if many else f"{prefix}training")  # fmt: skip
        if reference and measured == "validation" and name == theirs:
            axes.plot(list(groups), _means(groups, measured), color=VALIDATION, marker=".", lw=1.2,
                      label=f"{prefix}{measured}")  # fmt: skip
    if reference:
        axes.plot(list(reference), list(reference.values()), color=REFERENCE, marker="s",
                  ls="--" if len(reference) > 1 else "",
                  label=f"reference's {measured} ({about})")  # fmt: skip
    _chance(axes, chance)
    axes.set_xscale("log", base=2)
    ticks = sorted({*(reference or {}), *(x for groups in series.values() for x in groups)})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ylabel = f"test accuracy, {range_label(next(iter(series.values())))}\n(thin: training)"
    axes.set(xlabel=xlabel, ylabel=ylabel if many else "accuracy")
    percent(axes)
    axes.legend(fontsize=8)


def bars_figure(
    groups: Mapping[str, Mapping[str, Sequence[Record]]],
    title: str,
    chance: float,
    reference: Mapping[str, Mapping[str, float]] | None = None,
    about: str = "",
) -> Figure:
    """Bars of test accuracies with their ranges: `{what: {layer: records}}`.

    A thin line over a bar is the accuracy on the training images. The reference's bars, in one or
    more readings `{reading: {layer: accuracy}}`, stand beside; otherwise as `accuracy_curve`.
    """
    layers = list(next(iter(groups.values())))
    readings = {
        reading: {layer: known[layer] for layer in layers if layer in known}
        for reading, known in (reference or {}).items()
    }
    readings = {reading: known for reading, known in readings.items() if known}
    figure = new_figure((1.5 + 2.4 * len(layers), 4.8), layout="constrained")
    axes = figure.subplots()
    count = len(groups) + len(readings)
    for number, (what, records) in enumerate(groups.items()):
        values, *errors = _ranges([records[layer] for layer in layers])
        middles = _beside(range(len(layers)), number, count)
        bars = axes.bar(middles, values, 0.74 / count,
                        yerr=errors, capsize=3, error_kw={"lw": 0.8}, label=f"ours, {what}",
                        color=(VALIDATION, OURS)[number % 2])  # fmt: skip
        axes.bar_label(bars, [f"{value:.1%}" for value in values], fontsize=8, padding=2)
        axes.hlines(_means(records, "train"), [m - 0.37 / count for m in middles],
                    [m + 0.37 / count for m in middles], color="black", lw=0.8,
                    label="training" if number == 0 else "_training")  # fmt: skip
    for number, (reading, known) in enumerate(readings.items()):
        middles = _beside([layers.index(each) for each in known], len(groups) + number, count)
        bars = axes.bar(middles, list(known.values()), 0.74 / count, color=REFERENCE,
                        alpha=1 / (1 + number), hatch="//" * number,
                        label=f"reported, {reading} ({about})")  # fmt: skip
        axes.bar_label(bars, [f"{value:.1%}" for value in known.values()], fontsize=8, padding=2)
    _chance(axes, chance)
    axes.set_xticks(range(len(layers)), layers)
    axes.set_title(in_lines(title, 20 + 20 * len(layers)), fontsize=11)
    axes.set_ylabel(f"test accuracy, {range_label(next(iter(groups.values())))}")
    percent(axes)
    axes.grid(visible=False, axis="x")
    figure.legend(fontsize=9, loc="outside lower center", ncols=2)  # the bars fill the axes
    return figure


def range_label(groups: Mapping[Any, Sequence[Record]]) -> str:
    """What the bars around an accuracy are."""
    seeds = max(map(len, groups.values()))
    return "95 % interval" if seeds == 1 else f"mean of {seeds} splits, 95 % interval"


def percent(axes: Axes) -> None:
    """A y axis from 0 to 100 %, with room for a curve that runs along either."""
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(percents())
    axes.grid(alpha=0.3)


def save_figure(figure: Figure, path: Path) -> None:
    """Write the figure as a PNG, atomically."""
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def _ranges(
    groups: Sequence[Sequence[Record]],
) -> tuple[list[float], list[float], list[float]]:
    """Accuracies, and how far their ranges reach below and above them."""
    spreads = [spread(group) for group in groups]
    below = [value - low for value, low, _ in spreads]
    return [value for value, *_ in spreads], below, [high - value for value, _, high in spreads]


def _means(groups: Mapping[Any, Sequence[Record]], part: Part) -> list[float]:
    """The mean accuracy of each group on a part."""
    return [mean(getattr(record, part).accuracy for record in own) for own in groups.values()]


def _beside(ticks: Iterable[int], number: int, count: int) -> list[float]:
    """The middles of bar `number` of `count` beside each other, at each of the ticks."""
    return [tick + (number - (count - 1) / 2) * 0.8 / count for tick in ticks]


def _chance(axes: Axes, chance: float) -> None:
    axes.axhline(chance, color="black", lw=0.8, ls=":", label=f"chance, {chance:.1%}")
