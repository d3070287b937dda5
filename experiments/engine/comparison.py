"""Heads compared: from plans to an experiment with its table, figures and last line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import TYPE_CHECKING, Any, Literal

from engine.experiment import Experiment, OverviewRow
from engine.heads import Inputs, Plan, train_heads
from engine.job import Job, Outcome
from engine.mistakes import chief, in_words, mistakes
from engine.paired import differences, worded
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
from vggjax.report.mistakes import FIGURES
from vggjax.report.tables import MEASURES, spread
from vggjax.training import Record, TrainedHead

if TYPE_CHECKING:
    from vggjax.report.shown import Figure

AS_ITS_CODE = (
    "as its code: Keras 1's RMSprop, patience and clipped loss, the last weights kept, the first "
    "epoch in class order, a Glorot start, nearest"
)


@dataclass(frozen=True)
class Comparison:
    """What heads are compared by, what is shown of them, and the reference's numbers beside it.

    `by` names one or two parts of a record's key, `{name: (heading, form)}`, the form being that
    of a value in a sentence. With `curves`, the first is a number, against which each value of the
    second is a curve. `accuracies` are the reference's by the first of them, on the part
    `measured`, written in `form`, or `otherwise` where there is none; they stand beside the heads
    whose second value is `theirs`, if there are two; each of the others is compared with the heads
    whose second value is `against`, or with the one before it. `reported` are whole rows of
    the reference's by it, in one or more readings, `{reading: {value: {measure: number}}}`. They
    were measured on what `about` says, and `details` is what else there is to say of them.
    `findings` are more notes on a result; `as_its_code` is what its program did besides.
    """

    by: Mapping[str, tuple[str, str]]
    measures: tuple[str, ...]
    about: str
    details: str = ""
    accuracies: Mapping[Any, float] = field(default_factory=dict)
    curves: bool = False
    theirs: str = ""
    against: str = ""
    measured: Literal["test", "validation"] = "test"
    form: str = "{:.4f}"
    otherwise: str = "-"
    reported: Mapping[str, Mapping[Any, Mapping[str, float]]] = field(default_factory=dict)
    findings: Callable[[Result], Sequence[str]] = lambda result: ()
    as_its_code: str = ""

    def groups(self, records: Sequence[Record]) -> dict[tuple[Any, ...], list[Record]]:
        """The records that differ by their seeds only."""
        return grouped(records, *self.by)

    def label(self, values: tuple[Any, ...]) -> str:
        """A group in words."""
        forms = [form for _, form in self.by.values()]
        return ", ".join(form.format(v) for form, v in zip(forms, values, strict=False))

    def name_of(self, record: Record) -> str:
        """A single head in words."""
        return (
            f"{self.label(tuple(record.key[name] for name in self.by))}, seed {record.key['seed']}"
        )

    def table(self, result: Result) -> Table:
        """A row for each group; the reference's accuracy in a column, or its rows between."""
        groups, shown = self.groups(result.records), self._telling(result.records)
        measures = list(self.measures)
        if result["comparable"] and self.accuracies:
            beside = f"{self.measured} accuracy"
            place = measures.index("test accuracy") + 1
            measures[place:place] = [*([beside] if beside not in measures else []), "reference"]
        rows, seen = [], set()
        for values, group in groups.items():
            if result["comparable"] and values[0] not in seen:
                rows += self._reported_rows(values[0])
            seen.add(values[0])
            named = [name for name in measures if name != "reference"]
            own = dict(zip(named, cells(group, named), strict=True))
            own["reference"] = self._reported(values)
            key = dict(zip(self.by, values, strict=True))
            rows.append((*(_plain(key[name]) for name in shown), *(own[m] for m in measures)))
        return Table((*(self.by[name][0] for name in shown), *measures), tuple(rows))

    def notes(self, result: Result) -> list[str]:
        """What the numbers rest on."""
        records = result.records
        counts = dict.fromkeys((r.trainable_parameters, r.frozen_parameters) for r in records)
        parameters = "; ".join(f"{learned:,} and {frozen:,}" for learned, frozen in counts)
        notes = [
            accuracy_note(records, *self.by),
            *self._chosen(records),
            self._calibration(records),
        ]
        if len(counts) < 4:
            notes.append(f"trainable and frozen parameters: {parameters}")
        if result["settings"]["as_its_code"]:
            notes.append("; ".join(text for text in (AS_ITS_CODE, self.as_its_code) if text))
        reference = "; ".join(text for text in (self.about, self.details) if text)
        notes += [f"reference: {reference}"] * result["comparable"]
        notes += [worded(each, self.label) for each in result["differences"]]
        return [*notes, *in_words(result["mistakes"]), *self.findings(result)]

    def _calibration(self, records: Sequence[Record]) -> str:
        """What ECE is, and how it was before for heads that gave probabilities by themselves."""
        trained = self.groups([record for record in records if record.epochs])
        before = [
            f"{mean(r.calibration['error before'] for r in group):.3f} ({self.label(values)})"
            for values, group in trained.items()
        ]
        also = f"; before it: {', '.join(before)}" if before else ""
        return f"ECE: expected calibration error after calibration{also}"

    def _chosen(self, records: Sequence[Record]) -> list[str]:
        """What was chosen for each group, the commonest over its seeds."""
        notes = []
        for values, group in self.groups([r for r in records if r.chosen]).items():
            (text, count), *_ = Counter(record.chosen for record in group).most_common(1)
            often = f" ({count} of {len(group)} splits)" if len(group) > 1 else ""
            notes.append(f"{self.label(values)}: {text}{often}")
        return notes

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
        part = self.measured if result["comparable"] else "test"
        shown = self._telling(result.records)
        ours = [
            f"{' '.join(map(str, values))}: {mean(getattr(r, part).accuracy for r in group):.2f}"
            for values, group in grouped(result.records, *shown).items()
        ]
        theirs = [f"{key}: {value:.2f}" for key, value in self.accuracies.items()]
        theirs += [
            f"{reading} {key}: {row['test accuracy']:.2f}"
            for reading, rows in self.reported.items()
            for key, row in rows.items()
        ]
        what = f"{part} accuracy by {' and '.join(self.by[name][0] for name in shown)}"
        return [(what, ", ".join(theirs) or self.details, ", ".join(ours))]

    def figures(self, job: Job[Any], heads: Sequence[TrainedHead]) -> dict[str, Figure]:
        """Accuracies with their ranges, and for each seed the course of training."""
        title = f"{job.title}{job.options.mark}: heads on {', '.join(job.layers)}"
        found = {"accuracy.png": self._accuracies(job, [head.record for head in heads], title)}
        for seed in job.options.seed:
            own = [h for h in heads if h.record.key["seed"] == seed and h.history]
            if not own:
                continue
            for name, columns in self._columns(own).items():
                about, file = (f"{job.title}: head on {name}", f"{name}-") if name else (title, "")
                figure = history_figure(columns, f"{about}, seed {seed}")
                found[f"history-{file}seed{seed}.png"] = figure
            figure = validation_figure(self._panels(own), f"{title}, seed {seed}")
            found[f"validation-seed{seed}.png"] = figure
        return found

    def _accuracies(self, job: Job[Any], records: Sequence[Record], title: str) -> Figure:
        groups, chance = self.groups(records), 1 / job.classes
        heading, _ = next(iter(self.by.values()))
        if len(self.by) == 1 or self.curves:
            known = self.accuracies if job.comparable else {}
            series = self._series(groups, records)
            theirs = self.theirs if len(series) > 1 else next(iter(series))
            return accuracy_figure(
                series, title, heading, chance, known, self.about, self.measured, theirs
            )
        bars: dict[str, dict[str, list[Record]]] = {}
        for (first, second), group in groups.items():
            bars.setdefault(second, {})[first] = group
        theirs_by = {
            reading: {key: row["test accuracy"] for key, row in rows.items()}
            for reading, rows in self.reported.items()
        }
        return bars_figure(bars, title, chance, theirs_by if job.comparable else {}, self.about)

    def _series(
        self, groups: Mapping[tuple[Any, ...], list[Record]], records: Sequence[Record]
    ) -> dict[str, dict[float, list[Record]]]:
        """Records by their first value, for each second one, "" where there is only one."""
        several = len(self._telling(records)) > 1
        series: dict[str, dict[float, list[Record]]] = {}
        for values, group in groups.items():
            series.setdefault(str(values[-1]) if several else "", {})[values[0]] = group
        return series

    def _telling(self, records: Sequence[Record]) -> list[str]:
        """The parts of `by` that differ between the records, or the first."""
        first, *others = self.by
        return [first, *(n for n in others if len({r.key[n] for r in records}) > 1)]

    def _columns(self, heads: Sequence[TrainedHead]) -> dict[str, dict[str, TrainedHead]]:
        """Heads to show side by side, `{name: {label: head}}`: all, or those of a value.

        That value is the first, or with `curves` the second, if there are several.
        """
        names, columns = list(self.by), dict[str, dict[str, TrainedHead]]()
        for head in heads:
            key = head.record.key
            name = "" if len(names) == 1 else str(key[names[1 if self.curves else 0]])
            values = tuple(key[each] for each in (names[:1] if self.curves else names))
            columns.setdefault(name, {})[self.label(values)] = head
        return {"": next(iter(columns.values()))} if self.curves and len(columns) == 1 else columns

    def _panels(self, heads: Sequence[TrainedHead]) -> dict[str, dict[str, TrainedHead]]:
        """Heads to show as lines: of each last value in a panel of its own, if there are two."""
        panels: dict[str, dict[str, TrainedHead]] = {}
        for head in heads:
            first, *last = (head.record.key[name] for name in self.by)
            form = next(iter(self.by.values()))[1]
            panels.setdefault(", ".join(last), {})[form.format(first)] = head
        return panels

    def _reported_rows(self, first: Any) -> list[tuple[str, ...]]:
        """The reference's own rows for a value, one for each reading that differs."""
        rows: dict[tuple[str, ...], str] = {}
        for reading, known in self.reported.items():
            if row := known.get(first):
                rows.setdefault(tuple(_written(name, row[name]) for name in self.measures), reading)
        return [(str(first), reading, *shown) for shown, reading in rows.items()]

    def _reported(self, values: tuple[Any, ...]) -> str:
        if self.theirs and values[-1] != self.theirs:
            return ""
        known = self.accuracies.get(values[0])
        return self.otherwise if known is None else self.form.format(known)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _written(measure: str, value: float) -> str:
    form = MEASURES[measure][1] if measure in MEASURES else "{:.4f}"
    return form.format(value)


def compare_heads(
    plans: Callable[[Job[Any]], Sequence[Plan]],
    comparison: Comparison,
    facts: Callable[[Job[Any], Sequence[Any], Inputs], Mapping[str, Any]] = lambda *_: {},
    **about: Any,
) -> Experiment[Any]:
    """The experiment that trains the heads of `plans` and compares them; `about` are its others.

    `facts` are more to keep in the result, of the job, the plans and their inputs.
    """

    def run(job: Job[Any]) -> Outcome:
        own = plans(job)
        inputs = Inputs(job, own)
        heads = train_heads(job, own, inputs)
        best = chief(heads)
        found, label = mistakes(job, best, inputs), comparison.name_of(best.record)
        pictures = {
            f"{name}.png": found.figure(name, job.images(), f"{job.title}: {label}")
            for name in FIGURES
        }
        figures = {**comparison.figures(job, heads), **{k: f for k, f in pictures.items() if f}}
        told = {
            "differences": differences(comparison.groups, heads, comparison.against),
            "mistakes": {"of": label, **best.record.calibration, **found.facts},
            **facts(job, own, inputs),
        }
        return Outcome(heads, figures, found.tables, told)

    return Experiment(
        run=run,
        table=comparison.table,
        notes=comparison.notes,
        line=comparison.line,
        overview=comparison.overview,
        variant=lambda options: options.variant,
        **about,
    )
