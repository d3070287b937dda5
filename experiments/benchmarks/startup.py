"""Workload e: importing, and the main job's script when everything is in its caches."""

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import Run, Skip, take_turns
from benchmarks.results import Comparison, Row
from benchmarks.sizes import Sizes

_CALTECH = Path(__file__).resolve().parents[1] / "caltech.py"
_DEMO = [str(_CALTECH), "--samples", "4", "--dataset", "demo"]

# The module that a program is about, and Python's arguments.
Programs = Mapping[str, tuple[str, list[str]]]
PROGRAMS: Programs = {
    "import vggjax": ("vggjax", ["-c", "import vggjax"]),
    "vggjax, all that its README uses": ("vggjax", ["-c", "from vggjax import *"]),
    "import jax": ("jax", ["-c", "import jax"]),
    "import flax.nnx": ("flax", ["-c", "import flax.nnx"]),
    "import torch": ("torch", ["-c", "import torch"]),
    "import keras (on JAX)": ("keras", ["-c", "import keras"]),
    "caltech.py on the demo, warm": ("vggjax", _DEMO),
}


def start_up(sizes: Sizes, programs: Programs = PROGRAMS) -> list[Comparison]:
    """Seconds from starting Python to its end, each time in a new process."""
    runs, skipped = {}, {}
    with TemporaryDirectory(prefix="vggjax-") as folder:
        for name, (module, arguments) in programs.items():
            try:
                runs[name] = _warmed_up(module, arguments, folder)
            except Skip as error:
                skipped[name] = str(error)
        seconds = take_turns(runs, sizes.rounds)
    rows = (
        Row(name, seconds.get(name, ()), skipped=skipped.get(name, ""), ours=module == "vggjax")
        for name, (module, _) in programs.items()
    )
    notes = ("each in a new process, Python's own start included",)
    return [Comparison("e", "import and start-up", tuple(rows), ratios=False, notes=notes)]


def _warmed_up(module: str, arguments: list[str], folder: str) -> Run:
    """The program, run once; raises Skip, with its last words, if it can't run."""
    if not find_spec(module):
        raise Skip(f"needs the package {module}")
    try:
        _run(arguments, folder)
    except subprocess.CalledProcessError as error:
        raise Skip((error.stderr.strip().splitlines() or [str(error)])[-1]) from error
    return partial(_run, arguments, folder)


def _run(arguments: list[str], folder: str) -> None:
    """Run Python in `folder`, where its results land."""
    env = {**os.environ, "JAX_PLATFORMS": "cpu", "KERAS_BACKEND": "jax"}
    command = [sys.executable, *arguments]
    subprocess.run(command, capture_output=True, text=True, check=True, env=env, cwd=folder)
