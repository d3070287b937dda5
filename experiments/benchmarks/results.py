"""What a workload gives: seconds of each arm, and what follows from them."""

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Row:
    """One arm's result: seconds of each round for `Comparison.units`, or why there are none."""

    arm: str
    seconds: tuple[float, ...] = ()
    error: float | None = None
    peak_megabytes: float | None = None
    note: str = ""
    skipped: str = ""
    ours: bool = False

    @property
    def median(self) -> float:
        """The median of the rounds, in seconds."""
        return median(self.seconds)


@dataclass(frozen=True)
class Comparison:
    """A workload's result; the others are compared to the first row, this project's.

    One run is `units` of `unit` (0: only its seconds are of interest). Without `ratios` the rows
    are no alternatives to each other. `contended`: other programs took processor time meanwhile.
    """

    key: str
    title: str
    rows: tuple[Row, ...]
    units: int = 0
    unit: str = "images"
    ratios: bool = True
    notes: tuple[str, ...] = ()
    contended: bool = False

    @property
    def timed(self) -> tuple[Row, ...]:
        """The rows that were not skipped."""
        return tuple(row for row in self.rows if row.seconds)

    def rate(self, row: Row) -> float | None:
        """Units per second; None if there are none."""
        return self.units / row.median if self.units and row.seconds else None

    def ratio(self, row: Row) -> float | None:
        """How many times the first row's time `row` takes; None where that says nothing."""
        first = self.rows[0]
        if not self.ratios or row is first or not (row.seconds and first.seconds):
            return None
        return row.median / first.median
