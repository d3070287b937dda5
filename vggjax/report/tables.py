"""Tables of results as plain text."""

import statistics
from collections.abc import Iterable, Mapping, Sequence

from vggjax.transfer import Run


def by_samples(runs: Iterable[Run]) -> dict[int, list[Run]]:
    """The runs of each number of samples per class, in rising order."""
    groups: dict[int, list[Run]] = {}
    for run in sorted(runs, key=lambda run: (run.samples, run.seed)):
        groups.setdefault(run.samples, []).append(run)
    return groups


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation; the deviation of a single value is 0."""
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def samples_table(
    runs: Iterable[Run], reported: Mapping[int, float], reported_form: str = "{:.4f}"
) -> str:
    """One line per number of samples: test accuracy, losses, epochs, and the report's accuracy.

    `reported_form` is how the report's is written, for example "about {:.2f}".
    With several seeds the figures are means, and the accuracy has its standard deviation.
    """
    rows = [
        ("samples", "test accuracy", "test loss", "val accuracy", "epochs", "seconds", "report")
    ]
    for samples, group in by_samples(runs).items():
        accuracy, deviation = mean_and_deviation([run.test_accuracy for run in group])
        spread = f" ± {deviation:.4f}" if len(group) > 1 else ""
        rows.append(
            (
                str(samples),
                f"{accuracy:.4f}{spread}",
                f"{statistics.mean(run.test_loss for run in group):.4f}",
                f"{statistics.mean(run.val_accuracy for run in group):.4f}",
                f"{statistics.mean(run.epochs for run in group):g}",
                f"{statistics.mean(run.seconds for run in group):.1f}",
                reported_form.format(reported[samples]) if samples in reported else "-",
            )
        )
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as right-aligned columns, the first row ruled off as the header."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
