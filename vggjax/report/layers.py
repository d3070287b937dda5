"""Heads on intermediate layers, beside the report's (rows C5 and U5)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from matplotlib.figure import Figure

from vggjax.report.curves import bars_figure
from vggjax.report.reference_layers import (
    C5_EPOCHS,
    C5_FROZEN_PARAMETERS,
    C5_LEARNING_RATES,
    C5_TABLE,
    C5_TRAINABLE_PARAMETERS,
    U5_HELD_OUT_ACCURACY,
)
from vggjax.report.tables import aligned
from vggjax.transfer import FittedHead

REPORTED, STANDARDISED = "report's recipe", "standardised features"
RECIPES = (REPORTED, STANDARDISED)
MEASURES = ("train_accuracy", "train_loss", "test_accuracy", "test_loss")


@dataclass(frozen=True)
class LayerRun:
    """One head on one layer, by one of the RECIPES."""

    layer: str
    recipe: str
    seed: int
    frozen_parameters: int
    fitted: FittedHead

    def summary(self) -> dict[str, Any]:
        """The run as JSON-compatible data."""
        own = {name: getattr(self, name) for name in ("layer", "recipe", "seed")}
        return {**own, "frozen_parameters": self.frozen_parameters, **self.fitted.summary()}


def layers_table(runs: Iterable[LayerRun], pool: bool) -> str:
    """The columns of the report's Table 2, its lines and ours by both recipes (means over seeds).

    With `pool` the report has no such table (see `report_note`).
    """
    runs = list(runs)
    rows = [("layer", "", "rate", *map(_header, MEASURES), "epochs", "trainable", "frozen")]
    for layer in dict.fromkeys(run.layer for run in runs):
        if layer in C5_TABLE and not pool:
            rows.append((layer, "report, Table 2", *_reported_cells(layer)))
        for recipe in RECIPES:
            group = [r.summary() for r in runs if (r.layer, r.recipe) == (layer, recipe)]
            rows.append((layer, f"ours, {recipe}", *_cells(group)))
    return aligned(rows)


def report_note(pool: bool) -> str:
    """What the report's numbers were measured on."""
    if pool:
        return (
            f"report: about {U5_HELD_OUT_ACCURACY:.2f} on held-out images, deeper is better "
            "(Figure 27; Urban Tribes, ImageNet weights)"
        )
    return (
        "report: Caltech-256, ImageNet weights; rates as in its text. By its recipe, no loss is "
        "above 16.118 (see --help),\nso the losses of the two recipes can't be compared."
    )


def mean_accuracies(runs: Iterable[LayerRun], recipe: str) -> dict[str, float]:
    """Test accuracy of each layer by one recipe, averaged over seeds."""
    groups: dict[str, list[float]] = {}
    for run in runs:
        if run.recipe == recipe:
            groups.setdefault(run.layer, []).append(run.fitted.test.accuracy)
    return {layer: mean(values) for layer, values in groups.items()}


def layers_figure(runs: Sequence[LayerRun], title: str, pool: bool, chance: float) -> Figure:
    """Test accuracy of each layer by both recipes, and in the report where it has one."""
    bars = {f"ours, {recipe}": mean_accuracies(runs, recipe) for recipe in RECIPES}
    layers = list(bars[f"ours, {REPORTED}"])
    if not pool:
        known = {name: C5_TABLE[name].test_accuracy for name in layers if name in C5_TABLE}
        bars["report, Table 2 (Caltech-256)"] = known
    return bars_figure(layers, bars, title, "test accuracy", chance)


def _header(measure: str) -> str:
    return measure.replace("accuracy", "acc").replace("_", " ")


def _reported_cells(layer: str) -> list[str]:
    return [
        f"{C5_LEARNING_RATES[layer]:.1e}",
        *(f"{value:.4f}" for value in C5_TABLE[layer]),
        f"{C5_EPOCHS}",
        f"{C5_TRAINABLE_PARAMETERS:,}",
        f"{C5_FROZEN_PARAMETERS[layer]:,}",
    ]


def _cells(group: Sequence[dict[str, Any]]) -> list[str]:
    first = group[0]
    return [
        f"{first['learning_rate']:.1e}",
        *(f"{mean(summary[name] for summary in group):.4f}" for name in MEASURES),
        f"{mean(summary['epochs'] for summary in group):g}",
        f"{first['trainable_parameters']:,}",
        f"{first['frozen_parameters']:,}",
    ]
