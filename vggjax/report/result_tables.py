"""Tables for a page, from the content of the experiments' `result.json`, beside the report's."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from vggjax.report.layers import MEASURES, RECIPES
from vggjax.report.page import Table
from vggjax.report.reference_layers import (
    B1_BEST_ACCURACY,
    B1_BEST_TEMPERATURE,
    C5_LEARNING_RATES,
    C5_TABLE,
    C5_TRAINABLE_PARAMETERS,
    U5_HELD_OUT_ACCURACY,
)
from vggjax.report.tables import mean_and_deviation

Result = Mapping[str, Any]
Runs = Sequence[Mapping[str, Any]]


def few_shot_table(
    result: Result, reported: Mapping[int, float], reported_form: str = "{:.4f}"
) -> Table:
    """C1 and U1: a line per number of images, means over seeds, beside the report's accuracy."""
    header = ("images per class", "test accuracy", "report", "validation accuracy", "test loss",
              "epochs", "trainable parameters")  # fmt: skip
    runs: Runs = result["runs"]
    rows = []
    for samples in sorted({run["samples"] for run in runs}):
        group = [run for run in runs if run["samples"] == samples]
        report = reported_form.format(reported[samples]) if samples in reported else "-"
        others = _mean(group, "val_accuracy"), _mean(group, "test_loss")
        counts = f"{mean(r['epochs'] for r in group):.3g}", f"{group[0]['trainable_parameters']:,}"
        rows.append((str(samples), _accuracy(group), report, *others, *counts))
    return Table(header, tuple(rows))


def table_two(result: Result) -> Table:
    """C5: the columns of Table 2; for each layer its line and ours by both recipes."""
    runs: Runs = result["runs"]
    rows = []
    for layer in dict.fromkeys(run["layer"] for run in runs):
        if layer in C5_TABLE:
            rate, measured = f"{C5_LEARNING_RATES[layer]:.0e}", C5_TABLE[layer]
            numbers = (f"{value:.4f}" for value in measured)
            rows.append((layer, "report", rate, *numbers, f"{C5_TRAINABLE_PARAMETERS:,}"))
        rows += _recipe_rows(runs, layer)
    return Table(_layer_header(), tuple(rows))


def pooled_table(result: Result) -> Table:
    """U5: ours by both recipes for each layer, and the one number that the report has."""
    runs: Runs = result["runs"]
    layers = dict.fromkeys(run["layer"] for run in runs)
    report = ("all", "report", "1e-05", "-", "-", f"about {U5_HELD_OUT_ACCURACY:.2f}", "-", "-")
    return Table(_layer_header(), (report, *(r for la in layers for r in _recipe_rows(runs, la))))


def temperature_table(result: Result) -> Table:
    """B1: a line per temperature; the report tells the best one, and that the others are lower."""
    header = ("T", "test accuracy", "report", "train accuracy", "validation accuracy", "test loss",
              "epochs")  # fmt: skip
    runs: Runs = result["runs"]
    rows = []
    for temperature in sorted({run["temperature"] for run in runs}):
        group = [run for run in runs if run["temperature"] == temperature]
        best = temperature == B1_BEST_TEMPERATURE
        report = f"{B1_BEST_ACCURACY:.2f} (best)" if best else "lower"
        names = ("train_accuracy", "val_accuracy", "test_loss")
        others = (_mean(group, name) for name in names)
        epochs = f"{mean(run['epochs'] for run in group):.3g}"
        rows.append((f"{temperature:g}", _accuracy(group), report, *others, epochs))
    return Table(header, tuple(rows))


def maps_table(result: Result) -> Table:
    """C4 and U3: which maps of which layers, of which images."""
    rows = [
        (layer, "{} x {}".format(*shown["size"]), ", ".join(map(str, shown["maps"])))
        for layer, shown in result["layers"].items()
    ]
    return Table(("layer", "pixels", "maps shown"), tuple(rows))


def filters_table(result: Result, top: int = 5) -> Table:
    """U4: how many filters there are of each status, and the losses of the best."""
    counts = ", ".join(f"{count} {status}" for status, count in result["statuses"].items())
    rows = [("all", counts, "", "")]
    for entry in result["filters"][:top]:
        losses = (f"{entry[name]:.4g}" for name in ("first_loss", "last_loss"))
        rows.append((str(entry["filter"]), entry["status"], *losses))
    return Table(("filter", "status", "first loss", "last loss"), tuple(rows))


def _layer_header() -> tuple[str, ...]:
    names = (name.replace("_", " ") for name in MEASURES)
    return ("layer", "", "learning rate", *names, "trainable parameters")


def _recipe_rows(runs: Runs, layer: str) -> list[tuple[str, ...]]:
    rows = []
    for recipe in RECIPES:
        group = [run for run in runs if (run["layer"], run["recipe"]) == (layer, recipe)]
        if group:
            numbers = (_mean(group, name) for name in MEASURES)
            rate, size = f"{group[0]['learning_rate']:.2g}", group[0]["trainable_parameters"]
            rows.append((layer, f"ours, {recipe}", rate, *numbers, f"{size:,}"))
    return rows


def _mean(group: Runs, name: str) -> str:
    return f"{mean(run[name] for run in group):.4f}"


def _accuracy(group: Runs) -> str:
    accuracy, deviation = mean_and_deviation([run["test_accuracy"] for run in group])
    return f"{accuracy:.4f}" + (f" ± {deviation:.4f}" if len(group) > 1 else "")
