"""Several trainings beside each other: as a file, and as figures."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from vggjax.files import atomic_file
from vggjax.report.figures import OURS, REPORT, VALIDATION
from vggjax.report.history import METRICS
from vggjax.transfer import Epoch

History = Sequence[Epoch]


def write_histories(
    path: Path, names: Sequence[str], histories: Iterable[tuple[Sequence[object], History]]
) -> None:
    """Write `*names,epoch,loss,accuracy,val_loss,val_accuracy`, one line per epoch.

    Each history comes with its values for the columns `names`. Losses are in nats, accuracies in
    0–1; without validation its columns are empty.
    """
    with atomic_file(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow((*names, "epoch", *METRICS, *(f"val_{m}" for m in METRICS)))
        for values, history in histories:
            for epoch in history:
                parts = epoch.train, epoch.validation
                row = [getattr(part, name, "") for part in parts for name in METRICS]
                writer.writerow((*values, epoch.number, *row))


def recipes_figure(histories: Mapping[str, History], title: str) -> Figure:
    """Loss and accuracy per epoch, one row of panels for each recipe (Figures 7–9)."""
    figure = Figure(figsize=(9, 0.6 + 2.9 * len(histories)), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(len(histories), 2, squeeze=False)
    for (loss, accuracy), (recipe, history) in zip(panels, histories.items(), strict=True):
        for axes, name in ((loss, "loss"), (accuracy, "accuracy")):
            _curve(axes, [(e.number, getattr(e.train, name)) for e in history], OURS, "training")
            held_out = [(e.number, getattr(e.validation, name)) for e in history if e.validation]
            _curve(axes, held_out, VALIDATION, "validation", style="--")
            axes.set_title(recipe, fontsize=10)
            axes.legend()
        highest = max(max(line.get_ydata()) for line in loss.lines)
        loss.set(ylabel="cross-entropy", ylim=(0, 1.08 * highest))
        _percent(accuracy, "accuracy")
    return figure


def validation_figure(panels: Mapping[str, Mapping[str, History]], title: str) -> Figure:
    """Validation accuracy per epoch: one panel for each recipe, one line for each history in it."""
    figure = Figure(figsize=(0.8 + 4.4 * len(panels), 4), layout="constrained")
    figure.suptitle(title)
    row = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axes, (name, histories) in zip(row, panels.items(), strict=True):
        for label, history in histories.items():
            points = [(e.number, e.validation.accuracy) for e in history if e.validation]
            _curve(axes, points, None, label, marker="o" if len(points) < 20 else None)
        axes.set_title(name, fontsize=10)
        _percent(axes, "validation accuracy" if axes is row[0] else "")
        axes.legend()
    return figure


def bars_figure(
    groups: Sequence[str],
    bars: Mapping[str, Mapping[str, float]],
    title: str,
    ylabel: str,
    chance: float,
) -> Figure:
    """Groups of bars of accuracies (0–1), with the value above each; a missing one is left out.

    `bars` is `{what: {group: accuracy}}`; `chance` is the accuracy of guessing.
    """
    figure = Figure(figsize=(1.5 + 2.4 * len(groups), 4.4), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(bars)
    colours = (VALIDATION, OURS, REPORT)
    for number, (what, values) in enumerate(bars.items()):
        shift = (number - (len(bars) - 1) / 2) * width
        places = [place + shift for place, group in enumerate(groups) if group in values]
        heights = [values[group] for group in groups if group in values]
        drawn = axes.bar(places, heights, 0.92 * width, label=what, color=colours[number])
        axes.bar_label(drawn, [f"{height:.1%}" for height in heights], fontsize=8, padding=2)
    axes.axhline(chance, color="black", lw=0.8, ls=":", label=f"chance, {chance:.1%}")
    axes.set_xticks(range(len(groups)), groups)
    axes.set_title(title, fontsize=11)
    _percent(axes, ylabel)
    axes.grid(visible=False, axis="x")
    axes.legend(fontsize=9)
    return figure


def _curve(
    axes: Axes,
    points: Sequence[tuple[int, float]],
    colour: str | None,
    label: str,
    marker: str | None = None,
    style: str = "-",
) -> None:
    if points:
        axes.plot(*zip(*points, strict=True), style, color=colour, label=label, marker=marker, ms=4)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)


def _percent(axes: Axes, ylabel: str) -> None:
    axes.set(ylabel=ylabel, ylim=(0, 1.03))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(alpha=0.3)
