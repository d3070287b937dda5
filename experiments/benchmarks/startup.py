"""Workload e: importing, and the main job's script when everything is in its caches."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.inputs import Sizes
from benchmarks.measure import Arm, Timed, compare, run_python
from benchmarks.results import Comparison

_CALTECH = str(Path(__file__).resolve().parents[1] / "caltech.py")

PROGRAMS = {  # Python's arguments
    "import vggjax": ("-c", "import vggjax"),
    "vggjax, all that its README uses": ("-c", "from vggjax import *"),
    "import jax": ("-c", "import jax"),
    "import flax.nnx": ("-c", "import flax.nnx"),
    "import torch": ("-c", "import torch"),
    "import keras (on JAX)": ("-c", "import keras"),
    "vggjax's caltech.py on the demo, warm": (_CALTECH, "--samples", "4", "--dataset", "demo"),
}


def start_up(sizes: Sizes, programs: Mapping[str, tuple[str, ...]] = PROGRAMS) -> list[Comparison]:
    """Seconds from starting Python to its end, each time in a new process."""
    with TemporaryDirectory(prefix="vggjax-") as folder:
        arms = [
            Arm(name, partial(_program, arguments, Path(folder)), ours="vggjax" in name)
            for name, arguments in programs.items()
        ]
        rows = compare(arms, sizes.rounds, order=None)
    notes = ("each in a new process, Python's own start included",)
    return [Comparison("e", "import and start-up", rows, ratios=False, notes=notes)]


def _program(arguments: tuple[str, ...], folder: Path) -> Timed:
    return partial(run_python, arguments, folder)
