"""Comparisons as text, and as JSON-compatible data."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from benchmarks.results import Comparison, Row
from vggjax.report.tables import aligned

_CONTENDED = "CONTENDED: other programs ran meanwhile; times and ratios are unreliable"

Cell = Callable[[Comparison, Row], str]


def table(comparison: Comparison) -> str:
    """A title, one line per arm, and the notes."""
    width = max(len(row.arm) for row in comparison.rows)
    columns = {
        title: [cell(comparison, row) for row in comparison.rows]
        for title, cell in {**_COLUMNS, f"{comparison.unit}/s": _rate}.items()
    }
    shown = {title: cells for title, cells in columns.items() if any(cells)}
    arms = ["arm".ljust(width), *(row.arm.ljust(width) for row in comparison.rows)]
    lines = zip(*([title, *cells] for title, cells in shown.items()), strict=True)
    rows = [[arm, *cells] for arm, cells in zip(arms, lines, strict=True)]
    remarks = [f"{row.arm}: {row.note}" for row in comparison.rows if row.note]
    remarks += [f"{row.arm}: skipped, {row.skipped}" for row in comparison.rows if row.skipped]
    remarks += [_CONTENDED] if comparison.contended else []
    title = f"{comparison.key}: {comparison.title}"
    return "\n".join([title, aligned(rows), *remarks, *comparison.notes])


def as_data(comparison: Comparison) -> dict[str, Any]:
    """All of a comparison, with what follows from the seconds."""
    rows = [
        {
            **asdict(row),
            "median": row.median if row.seconds else None,
            "per_second": comparison.rate(row),
            "ratio": comparison.ratio(row),
        }
        for row in comparison.rows
    ]
    return {**asdict(comparison), "rows": rows}


def number(value: float | None) -> str:
    """Three digits that count, or the whole number; nothing for None."""
    if value is None:
        return ""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.{2 if value < 10 else 1}f}" if value >= 1 else f"{value:.2g}"


def _median(comparison: Comparison, row: Row) -> str:
    return number(row.median) if row.seconds else "skipped"


def _spread(comparison: Comparison, row: Row) -> str:
    return f"{number(min(row.seconds))} … {number(max(row.seconds))}" if row.seconds else ""


def _ratio(comparison: Comparison, row: Row) -> str:
    ratio = comparison.ratio(row)
    return "" if ratio is None else f"{number(ratio)} x"


def _error(comparison: Comparison, row: Row) -> str:
    return "" if row.error is None else f"{row.error:.1e}"


def _peak(comparison: Comparison, row: Row) -> str:
    return number(row.peak_megabytes)


def _rate(comparison: Comparison, row: Row) -> str:
    return number(comparison.rate(row))


_COLUMNS: dict[str, Cell] = {
    "median s": _median,
    "min … max s": _spread,
    "time / ours": _ratio,
    "error": _error,
    "peak MB": _peak,
}
