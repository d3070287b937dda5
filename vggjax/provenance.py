"""What made a number: versions, machine, settings."""

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# Those whose versions may change a digit of a result.
PACKAGES = ("vggjax", "jax", "jaxlib", "flax", "optax", "numpy", "scipy", "pillow")


def provenance() -> dict[str, Any]:
    """Versions, Python, system, processor, JAX's devices and XLA's flags, as JSON.

    >>> sorted(provenance())
    ['devices', 'processor', 'python', 'system', 'versions', 'xla_flags']
    """
    import jax

    return {
        "versions": versions(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": processor(),
        "devices": sorted({device.device_kind for device in jax.devices()}),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }


@cache
def versions() -> dict[str, str]:
    """The versions of PACKAGES; of one that isn't installed as a package, ""."""
    return {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


@cache
def processor() -> str:
    """What the processor is called, where the system says so."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
