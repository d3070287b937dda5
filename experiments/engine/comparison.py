"""Heads compared: from plans to an experiment with its table, figures and last line."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

from engine.experiment import Experiment, OverviewRow
from engine.heads import HeadPlan, train_heads
from engine.job import Job, Outcome
from engine.run_folder import Result
from vggjax.report import (
    Table,
    accuracy_figure,
    accuracy_note,
    bars_figure,
    cells,
    grouped,
    history_figure,
    validation_figure,
)
from vggjax.report.tables import spread
from vggjax.training import Record, TrainedHead

REPORTED = "reported"  # in the table, for a row of the reference's own


@dataclass(frozen=True)
class Comparison:
    """What heads are compared by, what is shown of them, and the reference's numbers beside it.

    `by` names one or two parts of a record's key, `{name: (heading, form)}`, the form being that
    of a value in a sentence. `accuracies` are the reference's test accuracies by the first of
    them, written in `form`, or `otherwise` where there is none; `rows` are whole rows of the
    reference's by it, `{measure: text}`. They were measured on what `about` says, and `details`
    is what else there is to say of them.
    """

    by: Mapping[str, tuple[str, str]]
    measures: tuple[str, ...]
    about: str
    details: str = ""
    accuracies: Mapping[Any, float] = field(default_factory=dict)
    form: str = "{:.4f}"
    otherwise: str = "-"
    rows: Mapping[Any, Mapping[str, str]] = field(default_factory=dict)

    def groups(self, records: Sequence[Record]) -> dict[tuple[Any, ...], list[Record]]:
        """The records that differ by their seeds only."""
        return grouped(records, *self.by)

    def label(self, values: tuple[Any, ...]) -> str:
        """A group in words."""
        forms = [form for _, form in self.by.values()]
        return ", ".join(form.format(v) for form, v in zip(forms, values, strict=True))

    def table(self, result: Result) -> Table:
        """A row for each group; the reference's accuracy in a column, or its rows between."""
        column = result["comparable"] and not self.rows
        headings = [heading for heading, _ in self.by.values()]
        measures = list(self.measures)
        if column:
            measures.insert(measures.index("test accuracy") + 1, "reference")
        rows, seen = [], set()
        for values, group in self.groups(result.records).items():
            first = values[0]
            if result["comparable"] and first in self.rows and first not in seen:
                known = [self.rows[first].get(name, "-") for name in measures]
                rows.append((str(first), REPORTED, *known))
            seen.add(first)
            own = dict(zip(self.measures, cells(group, self.measures), strict=True))
            own["reference"] = self._reported(first)
            shown = [f"{v:g}" if isinstance(v, float) else str(v) for v in values]
            rows.append((*shown, *(own[name] for name in measures)))
        return Table((*headings, *measures), tuple(rows))

    def notes(self, result: Result) -> list[str]:
        """What the numbers rest on."""
        records = result.records
        counts = dict.fromkeys((r.trainable_parameters, r.frozen_parameters) for r in records)
        parameters = "; ".join(f"{learned:,} and {frozen:,}" for learned, frozen in counts)
        notes = [
            accuracy_note(records, *self.by),
            f"trainable and frozen parameters: {parameters}",
        ]
        reference = "; ".join(text for text in (self.about, self.details) if text)
        return notes + [f"reference: {reference}"] * result["comparable"]

    def line(self, result: Result) -> str:
        """The best group, or the only one."""
        groups = self.groups(result.records)
        values = max(groups, key=lambda values: spread(groups[values])[0])
        seeds = len(groups[values])
        which = "best test accuracy" if len(groups) > 1 else "test accuracy"
        mean = f" ({seeds} seeds)" if seeds > 1 else ""
        return f"{which} {spread(groups[values])[0]:.4f} at {self.label(values)}{mean}"

    def overview(self, result: Result) -> list[OverviewRow]:
        """All accuracies in one row of the page's first table."""
        ours = [
            f"{' '.join(map(str, values))}: {spread(group)[0]:.2f}"
            for values, group in self.groups(result.records).items()
        ]
        theirs = [f"{key}: {value:.2f}" for key, value in self.accuracies.items()]
        what = f"test accuracy by {' and '.join(heading for heading, _ in self.by.values())}"
        return [(what, ", ".join(theirs) or self.details, ", ".join(ours))]

    def figures(self, job: Job[Any], heads: Sequence[TrainedHead]) -> dict[str, Figure]:
        """Accuracies with their ranges, and for each seed the course of training."""
        title = f"{job.title}{job.options.mark}: heads on {', '.join(job.layers)}"
        found = {"accuracy.png": self._accuracies(job, [head.record for head in heads], title)}
        for seed in job.options.seed:
            own = [head for head in heads if head.record.key["seed"] == seed]
            for name, columns in self._columns(own).items():
                about, file = (f"{job.title}: head on {name}", f"{name}-") if name else (title, "")
                figure = history_figure(columns, f"{about}, seed {seed}")
                found[f"history-{file}seed{seed}.png"] = figure
            figure = validation_figure(self._panels(own), f"{title}, seed {seed}")
            found[f"validation-seed{seed}.png"] = figure
        return found

    def _accuracies(self, job: Job[Any], records: Sequence[Record], title: str) -> Figure:
        groups, chance = self.groups(records), 1 / job.classes
        known = self.accuracies if job.comparable else None
        if len(self.by) == 1:
            ((heading, _),) = self.by.values()
            own = {values[0]: group for values, group in groups.items()}
            return accuracy_figure(own, title, heading, chance, known, self.about)
        bars: dict[str, dict[str, list[Record]]] = {}
        for (first, second), group in groups.items():
            bars.setdefault(second, {})[first] = group
        return bars_figure(bars, title, chance, known, self.about)

    def _columns(self, heads: Sequence[TrainedHead]) -> dict[str, dict[str, TrainedHead]]:
        """Heads to show side by side, `{name: {label: head}}`: all, or those of a first value."""
        columns: dict[str, dict[str, TrainedHead]] = {}
        for head in heads:
            values = tuple(head.record.key[name] for name in self.by)
            name = str(values[0]) if len(values) > 1 else ""
            columns.setdefault(name, {})[self.label(values)] = head
        return columns

    def _panels(self, heads: Sequence[TrainedHead]) -> dict[str, dict[str, TrainedHead]]:
        """Heads to show as lines: of each last value in a panel of its own, if there are two."""
        panels: dict[str, dict[str, TrainedHead]] = {}
        for head in heads:
            first, *last = (head.record.key[name] for name in self.by)
            form = next(iter(self.by.values()))[1]
            panels.setdefault(", ".join(last), {})[form.format(first)] = head
        return panels

    def _reported(self, first: Any) -> str:
        known = self.accuracies.get(first)
        return self.otherwise if known is None else self.form.format(known)


def compare_heads(
    plans: Callable[[Job[Any]], Sequence[HeadPlan]], comparison: Comparison, **about: Any
) -> Experiment[Any]:
    """The experiment that trains the heads of `plans` and compares them; `about` are its others."""

    def run(job: Job[Any]) -> Outcome:
        heads = train_heads(job, plans(job))
        return Outcome(heads, comparison.figures(job, heads))

    return Experiment(
        run=run,
        table=comparison.table,
        notes=comparison.notes,
        line=comparison.line,
        overview=comparison.overview,
        **about,
    )
