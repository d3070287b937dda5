"""What a benchmark gives: the seconds of each arm, and the machine they were measured on."""

import os
import platform
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

import jax

_PACKAGES = (
    *("vggjax", "jax", "jaxlib", "flax", "numpy", "pillow", "torch", "keras", "flaxmodels"),
    *("onnx", "onnxruntime", "openvino"),
)
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve")
BUSY = 0.05  # the share of all cores from which on other programs disturb the measurement


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

    One round is `units` of `unit` (0: only its seconds are of interest). Without `ratios` the rows
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
    column: str = ""  # what it is called where several of its kind stand in one table

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

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON-compatible data, with what follows from the seconds."""
        content = asdict(self)
        for row, shown in zip(self.rows, content["rows"], strict=True):
            shown["median"] = row.median if row.seconds else None
            shown["per_second"] = self.rate(row)
            shown["ratio"] = self.ratio(row)
        return content


class OtherPrograms:
    """How much processor time other programs take from now on (known on Linux only)."""

    def __init__(self) -> None:
        self._spent, self._start = _spent(), time.perf_counter()

    def share(self) -> float:
        """Their share of all processor time since the start, 0 … 1; nan if unknown."""
        available = (time.perf_counter() - self._start) * (os.cpu_count() or 1)
        return max((_spent() - self._spent) / available, 0.0)


def cores() -> int:
    """How many processor cores this program may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def environment() -> dict[str, Any]:
    """Machine, versions and threads, as JSON-compatible data."""
    return {
        "cpu": _cpu_field("model name") or platform.processor() or platform.machine(),
        "instructions": sorted(set(_INSTRUCTIONS) & set(_cpu_field("flags").split())),
        "device": "" if jax.default_backend() == "cpu" else jax.devices()[0].device_kind,
        "cores": cores(),
        "threads": {"torch": cores(), "xla": cores(), "decoding": min(16, os.cpu_count() or 1)},
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": _versions(),
    }


def _spent() -> float:
    """Seconds of processor time that were not idle and not this program's or its children's."""
    path = Path("/proc/stat")
    if not path.exists():
        return float("nan")
    ticks = [int(field) for field in path.read_text(encoding="utf-8").split()[1:9]]
    idle = sum(ticks[3:5])  # and waiting for a disk
    return (sum(ticks) - idle) / os.sysconf("SC_CLK_TCK") - sum(os.times()[:4])


def _cpu_field(name: str) -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _versions() -> dict[str, str]:
    """Those of the packages that are installed."""
    versions = {}
    for name in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions
