"""What the numbers were measured on."""

import os
import platform
import time
from importlib import metadata
from pathlib import Path

PACKAGES = (
    *("vggjax", "jax", "jaxlib", "flax", "numpy", "pillow", "torch", "keras", "flaxmodels"),
)
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve")
_BUSY = 0.05  # the share of all cores from which on other programs disturb the measurement


def cores() -> int:
    """How many processor cores this program may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def environment() -> dict[str, object]:
    """Machine, versions and threads, as JSON-compatible data."""
    return {
        "cpu": _cpu_field("model name") or platform.processor() or platform.machine(),
        "instructions": sorted(set(_INSTRUCTIONS) & set(_cpu_field("flags").split())),
        "cores": cores(),
        "threads": {"torch": cores(), "xla": cores(), "decoding": min(16, os.cpu_count() or 1)},
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
    }


def describe(environment: dict[str, object]) -> str:
    """The environment in two lines."""
    versions = environment["versions"]
    assert isinstance(versions, dict)
    return (
        f"{environment['cpu']}, {environment['cores']} cores, Python {environment['python']}\n"
        + ", ".join(f"{name} {version}" for name, version in versions.items())
    )


class OtherPrograms:
    """How much processor time other programs take from now on (known on Linux only)."""

    def __init__(self) -> None:
        self._spent, self._start = _spent(), time.perf_counter()

    def share(self) -> float:
        """Their share of all processor time since the start, 0 … 1; nan if unknown."""
        available = (time.perf_counter() - self._start) * (os.cpu_count() or 1)
        return max(0.0, (_spent() - self._spent) / available)

    def disturb(self) -> bool:
        """Whether that is enough to make times unreliable."""
        return self.share() > _BUSY


def _spent() -> float:
    """Seconds of processor time that were not idle and not this program's or its children's."""
    path = Path("/proc/stat")
    if not path.exists():
        return float("nan")
    ticks = [int(field) for field in path.read_text(encoding="utf-8").split("\n")[0].split()[1:9]]
    user, nice, system, _idle, _waiting, *others = ticks
    own = sum(os.times()[:4])
    return sum((user, nice, system, *others)) / os.sysconf("SC_CLK_TCK") - own


def _cpu_field(name: str) -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
