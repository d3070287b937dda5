"""Comparisons as text."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.results import Comparison, Row
from vggjax.report import Table

_CONTENDED = "CONTENDED: other programs ran meanwhile; times and ratios are unreliable"


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


@dataclass(frozen=True)
class Summary:
    """Several comparisons of one kind in a table: for each arm, its times over this project's.

    The cells of this project's own row are its rates in units per second. None where an arm has
    no time in a comparison.
    """

    columns: tuple[str, ...]
    rows: dict[str, tuple[float | None, ...]]

    @classmethod
    def of(cls, comparisons: Sequence[Comparison]) -> "Summary":
        """That of the comparisons that have a `column`."""
        chosen = [each for each in comparisons if each.column]
        arms = dict.fromkeys(row.arm for each in chosen for row in each.timed)
        cells = {arm: tuple(_cell(each, arm) for each in chosen) for arm in arms}
        return cls(tuple(each.column for each in chosen), cells)

    def as_table(self) -> Table:
        """Arms down, comparisons across."""
        rows = [(arm, *map(number, values)) for arm, values in self.rows.items()]
        return Table(("arm", *self.columns), tuple(rows))

    def to_json(self) -> dict[str, Any]:
        """The same as JSON-compatible data."""
        return asdict(self)

    def __str__(self) -> str:
        title = "summary: images per second of the first arm; times of the others over its own"
        return f"{title}\n\n{self.as_table().as_markdown()}"


def _cell(comparison: Comparison, arm: str) -> float | None:
    """An arm's ratio, or the rate of the first; None for one that isn't there."""
    row = next((row for row in comparison.rows if row.arm == arm), None)
    if row is None:
        return None
    return comparison.rate(row) if row is comparison.rows[0] else comparison.ratio(row)


def number(value: float | None) -> str:
    """Three digits that count, or the whole number; nothing for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}"
