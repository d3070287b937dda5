"""Heads on softened probabilities, beside the report's Figure 28 (row B1)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from vggjax.report.figures import OURS, REPORT
from vggjax.report.reference_layers import B1_BEST_ACCURACY, B1_BEST_TEMPERATURE
from vggjax.report.tables import aligned, mean_and_deviation
from vggjax.transfer import FittedHead

MEASURES = ("train_accuracy", "val_accuracy", "val_loss", "test_loss")


@dataclass(frozen=True)
class TemperatureRun:
    """One head on softmax(a / temperature)."""

    temperature: float
    seed: int
    fitted: FittedHead

    def summary(self) -> dict[str, Any]:
        """The run as JSON-compatible data."""
        own = {"temperature": self.temperature, "seed": self.seed}
        return {**own, **self.fitted.summary()}


def by_temperature(runs: Iterable[TemperatureRun]) -> dict[float, list[TemperatureRun]]:
    """The runs of each temperature, in rising order."""
    groups: dict[float, list[TemperatureRun]] = {}
    for run in sorted(runs, key=lambda run: (run.temperature, run.seed)):
        groups.setdefault(run.temperature, []).append(run)
    return groups


def temperature_table(runs: Iterable[TemperatureRun]) -> str:
    """One line per temperature, means over seeds, and the report's best accuracy beside its T."""
    header = ("T", "test acc", *(name.replace("accuracy", "acc") for name in MEASURES))
    rows = [(*(cell.replace("_", " ") for cell in header), "epochs", "trainable", "report")]
    for temperature, group in by_temperature(runs).items():
        accuracy, deviation = mean_and_deviation([run.fitted.test.accuracy for run in group])
        spread = f" ± {deviation:.4f}" if len(group) > 1 else ""
        summaries = [run.summary() for run in group]
        rows.append(
            (
                f"{temperature:g}",
                f"{accuracy:.4f}{spread}",
                *(f"{mean(summary[name] for summary in summaries):.4f}" for name in MEASURES),
                f"{mean(summary['epochs'] for summary in summaries):g}",
                f"{summaries[0]['trainable_parameters']:,}",
                f"{B1_BEST_ACCURACY:.2f}" if temperature == B1_BEST_TEMPERATURE else "lower",
            )
        )
    return aligned(rows)


def temperature_figure(runs: Sequence[TemperatureRun], title: str, chance: float) -> Figure:
    """Validation accuracy per epoch for each T, and test accuracy against T (Figure 28).

    With several seeds, the curves are those of the first one, the test accuracies means with bars
    of one standard deviation. `chance` is the accuracy of guessing (0–1).
    """
    groups = by_temperature(runs)
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    figure.suptitle(title)
    curves, final = figure.subplots(1, 2)
    for number, (temperature, group) in enumerate(groups.items()):
        history = group[0].fitted.history
        points = [(e.number, e.validation.accuracy) for e in history if e.validation]
        colour = colormaps["viridis"](number / max(1, len(groups) - 1) * 0.85)
        marker = "o" if len(points) < 20 else None
        curves.plot(*zip(*points, strict=True), color=colour, marker=marker, ms=4,
                    label=f"T = {temperature:g}")  # fmt: skip
    curves.set(xlabel="epoch", ylabel="validation accuracy", title="while training")
    curves.xaxis.set_major_locator(MaxNLocator(integer=True))
    spread = [mean_and_deviation([r.fitted.test.accuracy for r in g]) for g in groups.values()]
    means, deviations = zip(*spread, strict=True)
    final.errorbar(list(groups), means, yerr=deviations, color=OURS, marker="o", capsize=3,
                   label="this run")  # fmt: skip
    final.plot(B1_BEST_TEMPERATURE, B1_BEST_ACCURACY, color=REPORT, marker="s", ls="",
               label="report's best (Caltech-256, ImageNet weights)")  # fmt: skip
    final.set_xscale("log", base=2)
    final.set_xticks(list(groups), [f"{temperature:g}" for temperature in groups])
    final.set(xlabel="temperature T", ylabel="test accuracy", title="afterwards")
    for axes in (curves, final):
        axes.axhline(chance, color="black", lw=0.8, ls=":", label=f"chance, {chance:.1%}")
        axes.set_ylim(0, None)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    return figure
