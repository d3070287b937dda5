"""Arms that do the same work: their outputs compared, then timed in turns."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import Row
from vggjax.errors import VggjaxError
from vggjax.interrupts import ended_with_us
from vggjax.progress import progress

Timed = Callable[[], Any]  # what one round of an arm runs; it returns the output


class Skip(VggjaxError):
    """An arm can't run here; the message says why."""


@dataclass(frozen=True)
class Prepared:
    """What is timed, and what there is to say of how it was prepared."""

    run: Timed
    note: str

    def __call__(self) -> Any:
        return self.run()


@dataclass(frozen=True)
class Arm:
    """One implementation of the work: `make` prepares it and returns what is timed.

    The output may differ by `tolerance` (None: it is only reported) from what is expected.
    It raises Skip or ImportError, when prepared or first run, if it can't run here.
    """

    name: str
    make: Callable[[], Timed]
    tolerance: float | None = 1e-4
    ours: bool = False


def compare(
    arms: Sequence[Arm],
    rounds: int,
    order: float | None = np.inf,
    exact: np.ndarray | None = None,
) -> tuple[Row, ...]:
    """Check the other arms' outputs against the first one's, then time all in turns.

    `order` is that of `checked_error` (None: nothing is compared). With `exact`, what the first
    rows of an output should be, these are checked as well, the first arm's too, and that is the
    error which is reported. The checked run is each arm's warm-up. Raises VggjaxError, before
    anything is timed, if an output is further off than its arm's tolerance.
    """
    timed, outputs, skipped = {}, {}, {}
    for arm in arms:
        try:
            run = arm.make()
            outputs[arm] = np.asarray(run())
            timed[arm.name] = run
        except (ImportError, Skip) as error:
            skipped[arm] = str(error)
    errors = _errors(outputs, order, exact) if order else {}
    seconds = take_turns(timed, rounds)
    return tuple(
        Row(
            arm.name,
            seconds.get(arm.name, ()),
            errors.get(arm),
            note=getattr(timed.get(arm.name), "note", ""),
            skipped=skipped.get(arm, ""),
            ours=arm.ours,
        )
        for arm in arms
    )


def _errors(
    outputs: Mapping[Arm, np.ndarray], order: float, exact: np.ndarray | None
) -> dict[Arm, float]:
    """The checked errors of the arms that ran; see `compare`."""
    errors = {}
    (_, first), *others = outputs.items()
    for arm, output in others:
        errors[arm] = checked_error(arm.name, output, first, arm.tolerance, order)
    if exact is not None:
        for arm, output in outputs.items():
            own = output[: len(exact)]
            errors[arm] = checked_error(arm.name, own, exact, arm.tolerance, order)
    return errors


def checked_error(
    name: str,
    output: np.ndarray,
    expected: np.ndarray,
    limit: float | None,
    order: float = np.inf,
) -> float:
    """The norm of the difference over that of what is expected; infinite for another shape.

    The norm is the largest absolute value (`order` np.inf), or the Euclidean norm (2).
    Raises VggjaxError beyond `limit` (None: there is none), and for what is no number.
    """
    error = float("inf")
    if output.shape == expected.shape:
        expected = expected.astype(np.float64)
        off, length = (np.linalg.norm(x.ravel(), order) for x in (output - expected, expected))
        error = float(off / np.maximum(length, 1e-30))
    if limit is not None and not error <= limit:
        raise VggjaxError(
            f"The output of '{name}' is off by {error:.1e} (at most {limit:.0e} is right), "
            "so nothing was timed; it runs something else here."
        )
    return error


REST = 0.2  # seconds: the threads of the arm before go on spinning for a while


def take_turns(timed: Mapping[str, Timed], rounds: int) -> dict[str, tuple[float, ...]]:
    """Seconds of each arm in each round; in a round, every arm has its turn."""
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    with progress("rounds", rounds, "round") as bar:
        for _ in range(rounds):
            for name, run in timed.items():
                time.sleep(REST)
                start = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - start)
            bar.update()
    return {name: tuple(values) for name, values in seconds.items()}


def run_python(arguments: Sequence[str], folder: Path) -> str:
    """What a new Python prints, run in `folder` on the CPU; Skip, with its last line, if it fails.

    Keras, if it is imported there, runs on JAX.
    """
    env = {**os.environ, "JAX_PLATFORMS": "cpu", "KERAS_BACKEND": "jax"}
    command = [sys.executable, *arguments]
    pipe = subprocess.PIPE
    program = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=env, cwd=folder)
    with program, ended_with_us(program):
        out, errors = program.communicate()
    if program.returncode:
        lines = errors.strip().splitlines() or [f"exit status {program.returncode}"]
        raise Skip(lines[-1])
    return out
