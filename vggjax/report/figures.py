"""Figures of training and its results, as Matplotlib figures that no window shows."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from vggjax.files import atomic_file
from vggjax.report.tables import by_samples, mean_and_deviation
from vggjax.transfer import Epoch, Run

OURS, REPORT, VALIDATION = "tab:blue", "tab:gray", "tab:orange"


def history_figure(history: Sequence[Epoch], title: str, kept_epoch: int | None = None) -> Figure:
    """Loss and accuracy per epoch, training and validation, side by side (C2).

    `kept_epoch` marks the epoch whose parameters were kept, where it isn't the last.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    figure.suptitle(fill(title, 90))
    loss, accuracy = figure.subplots(1, 2)
    for axes, name in ((loss, "loss"), (accuracy, "accuracy")):
        _epoch_curves(axes, history, name)
        if kept_epoch and kept_epoch != len(history):
            axes.axvline(kept_epoch, color="black", lw=0.8, ls=":", label="kept epoch")
        axes.legend()
    loss.set(ylabel="cross-entropy", ylim=(0, None))
    accuracy.set(ylabel="accuracy", ylim=(0, 1))
    accuracy.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure


def samples_figure(
    runs: Iterable[Run],
    title: str,
    reported: Mapping[int, float],
    chance: float,
    reported_on: str = "Caltech-256, ImageNet weights",
) -> Figure:
    """Test accuracy against training images per class (C3), the report's values beside it.

    With several seeds: the mean, and bars of one standard deviation. `chance` is the accuracy of
    guessing (0–1), `reported_on` what the report's values are about.
    """
    groups = by_samples(runs)
    spread = [mean_and_deviation([run.test_accuracy for run in group]) for group in groups.values()]
    means, deviations = zip(*spread, strict=True)
    seeds = max(len(group) for group in groups.values())
    label = "this run" if seeds == 1 else f"this run, mean and deviation of {seeds} seeds"
    figure = Figure(figsize=(6, 4.2), layout="constrained")
    axes = figure.subplots()
    bars = deviations if seeds > 1 else None
    axes.errorbar(list(groups), means, yerr=bars, color=OURS, marker="o", capsize=3, label=label)
    axes.plot(
        list(reported), list(reported.values()), color=REPORT, marker="s", ls="--",
        label=f"report ({reported_on})",
    )  # fmt: skip
    axes.axhline(chance, color="black", lw=0.8, ls=":", label=f"chance, {chance:.1%}")
    axes.set_xscale("log", base=2)
    ticks = sorted({*groups, *reported})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_title(fill(title, 60))
    axes.set(xlabel="training images per class", ylabel="test accuracy", ylim=(0, 1))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write the figure as a PNG, atomically."""
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def _epoch_curves(axes: Axes, history: Sequence[Epoch], name: str) -> None:
    numbers = [epoch.number for epoch in history]
    axes.plot(numbers, [getattr(e.train, name) for e in history], color=OURS, label="training")
    held_out = [(e.number, getattr(e.validation, name)) for e in history if e.validation]
    if held_out:
        axes.plot(*zip(*held_out, strict=True), color=VALIDATION, label="validation")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
