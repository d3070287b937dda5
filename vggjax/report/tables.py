"""Tables of results: made of records, shown as text, as Markdown and (by the page) as HTML."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import mean
from textwrap import wrap
from typing import Any

from vggjax.errors import visible
from vggjax.evaluation import mean_interval, wilson_interval
from vggjax.training import Record

WIDTH = 80  # columns of a terminal

# What a table can show of a head, and how it is written.
MEASURES: dict[str, tuple[Callable[[Record], float], str]] = {
    "train accuracy": (lambda record: record.train.accuracy, "{:.4f}"),
    "train loss": (lambda record: record.train.loss, "{:.4f}"),
    "validation accuracy": (lambda record: record.validation.accuracy, "{:.4f}"),
    "validation loss": (lambda record: record.validation.loss, "{:.4f}"),
    "test loss": (lambda record: record.test.loss, "{:.4f}"),
    "learning rate": (lambda record: record.learning_rate, "{:.2g}"),
    "epochs": (lambda record: record.epochs, "{:.3g}"),
    "seconds": (lambda record: record.seconds, "{:.1f}"),
    "class mean": (lambda record: record.balanced, "{:.4f}"),
    "ECE": (lambda record: record.calibration["error"], "{:.3f}"),
}


@dataclass(frozen=True)
class Table:
    """Cells as text; every row is as long as the header. They are shown on one line each."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def numbers(self) -> tuple[bool, ...]:
        """Which columns hold numbers, to be set right: a digit or a minus first, or nothing."""
        columns = zip(*self.rows, strict=True)
        return tuple(all(map(_is_number, column)) for column in columns)

    def as_text(self) -> str:
        """Aligned columns under a ruled header; its words are set in lines if it is too wide."""
        names, *body = [tuple(map(visible, row)) for row in (self.header, *self.rows)]
        contents = [max(map(len, column)) for column in zip(*body, strict=True)]
        header = [[name] for name in names]
        if sum(max(len(n), c) + 2 for n, c in zip(names, contents, strict=True)) > WIDTH + 2:
            header = [_lines(n, c) for n, c in zip(names, contents, strict=True)]
        height = max(map(len, header))
        above = [[""] * (height - len(lines)) + lines for lines in header]
        rows = [*zip(*above, strict=True), *body]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [self._aligned(row, widths) for row in rows]
        rule = "-" * (sum(widths) + 2 * len(widths) - 2)
        return "\n".join([*lines[:height], rule, *lines[height:]])

    def as_markdown(self) -> str:
        """The table in GitHub's Markdown."""
        rulers = tuple("---:" if number else "---" for number in self.numbers)
        rows = [tuple(map(plain, row)) for row in (self.header, *self.rows)]
        return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], rulers, *rows[1:]])

    def _aligned(self, row: Sequence[str], widths: Sequence[int]) -> str:
        cells = [
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, self.numbers, strict=True)
        ]
        return "  ".join(cells).rstrip()


def grouped(records: Iterable[Record], *names: str) -> dict[tuple[Any, ...], list[Record]]:
    """The records by their values of the key's `names`, in the order in which these come."""
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(tuple(record.key[name] for name in names), []).append(record)
    return groups


def spread(group: Sequence[Record]) -> tuple[float, float, float]:
    """Test accuracy of some records that differ by their seeds, and its range (low, high).

    Of several seeds, the mean and its 95 % interval over splits; of a single one, its accuracy and
    the 95 % interval that its number of test images leaves.
    """
    if len(group) > 1:
        return mean_interval([record.test.accuracy for record in group])
    accuracy = group[0].test.accuracy
    return accuracy, *wilson_interval(accuracy, group[0].images["test"])


def accuracy_cell(group: Sequence[Record]) -> str:
    """`spread` as text: `0.5836 ± 0.0170`, or `0.5833 (.39-.76)`."""
    accuracy, low, high = spread(group)
    if len(group) > 1:
        return f"{accuracy:.4f} ± {high - accuracy:.4f}"
    return f"{accuracy:.4f} ({_short(low)}-{_short(high)})"


def cells(group: Sequence[Record], names: Iterable[str]) -> tuple[str, ...]:
    """The means of some MEASURES over a group, and its `accuracy_cell` as "test accuracy"."""
    return tuple(_cell(group, name) for name in names)


def accuracy_note(records: Sequence[Record], *names: str) -> str:
    """What the range beside an accuracy is; `names` of the key tell the groups apart."""
    seeds = max(map(len, grouped(records, *names).values()))
    if seeds > 1:
        return f"test accuracy: mean of {seeds} splits, with its 95 % interval over splits"
    tested = records[0].images["test"]
    return f"test accuracy: of one seed, with the 95 % interval that {tested:,} test images leave"


def plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    escaped = re.sub(r"([\\`*\[\]<>|&]|\b_|_\b)", r"\\\1", " ".join(text.split()))
    return visible(escaped)


def _cell(group: Sequence[Record], name: str) -> str:
    if name == "test accuracy":
        return accuracy_cell(group)
    measure, form = MEASURES[name]
    return form.format(mean(map(measure, group)))


def _is_number(cell: str) -> bool:
    return cell in ("", "-") or cell.removeprefix("-")[:1].isdigit()


def _short(share: float) -> str:
    return f"{share:.2f}".removeprefix("0")


def _lines(name: str, width: int) -> list[str]:
    longest = max(map(len, name.split()), default=1)
    return wrap(name, max(width, longest)) or [""]
