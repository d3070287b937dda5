"""Arms that do the same work: their outputs compared, then timed in turns."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.distances import Distance, largest_error
from benchmarks.results import Row
from vggjax.errors import VggjaxError

Run = Callable[[], Any]


class Skip(Exception):
    """An arm can't run here; the message says why."""


@dataclass(frozen=True)
class Arm:
    """One way to do the work. `make` prepares it and gives what is timed, which returns the output.

    The output may differ from the first arm's by `tolerance` (None: it is only reported).
    `make` raises Skip or ImportError if the arm can't run here.
    """

    name: str
    make: Callable[[], Run]
    tolerance: float | None = 1e-4


@dataclass(frozen=True)
class Reference:
    """What the first arm's output is held against: its first rows, and the tolerance."""

    rows: np.ndarray
    tolerance: float


def compare(
    arms: Sequence[Arm],
    rounds: int,
    reference: Reference | None = None,
    distance: Distance = largest_error,
) -> list[Row]:
    """Check all arms against the first (and that against `reference`), then time them in turns.

    The checked run is each arm's warm-up. Raises VggjaxError, before anything is timed, if an
    output is further off than its arm's tolerance.
    """
    runs, skipped = _prepare(arms)
    outputs = {name: np.asarray(run()) for name, run in runs.items()}
    errors = _check(arms, outputs, reference, distance)
    seconds = take_turns(runs, rounds)
    return [
        Row(
            arm.name,
            seconds.get(arm.name, ()),
            errors.get(arm.name),
            skipped=skipped.get(arm.name, ""),
            ours=arm is arms[0],
        )
        for arm in arms
    ]


def take_turns(runs: Mapping[str, Run], rounds: int) -> dict[str, tuple[float, ...]]:
    """Seconds of each run in each round; in a round, every run has its turn."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in tqdm(range(rounds), desc="rounds", disable=None, leave=False):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: tuple(values) for name, values in seconds.items()}


def _prepare(arms: Sequence[Arm]) -> tuple[dict[str, Run], dict[str, str]]:
    runs, skipped = {}, {}
    for arm in arms:
        try:
            runs[arm.name] = arm.make()
        except ImportError as error:
            skipped[arm.name] = f"needs the package {error.name or error}"
        except Skip as error:
            skipped[arm.name] = str(error)
    return runs, skipped


def _check(
    arms: Sequence[Arm],
    outputs: Mapping[str, np.ndarray],
    reference: Reference | None,
    distance: Distance,
) -> dict[str, float]:
    first = arms[0].name
    errors = {
        name: distance(output, outputs[first]) for name, output in outputs.items() if name != first
    }
    limits = {arm.name: arm.tolerance for arm in arms}
    if reference is not None:
        errors[first] = distance(outputs[first][: len(reference.rows)], reference.rows)
        limits[first] = reference.tolerance
    for name, error in errors.items():
        check_error(name, error, limits[name])
    return errors


def check_error(name: str, error: float, limit: float | None) -> None:
    """Raise VggjaxError if an arm's output is too far off (or not a number)."""
    if limit is not None and not error <= limit:
        raise VggjaxError(
            f"The output of '{name}' is off by {error:.1e} (at most {limit:.0e} is right), "
            "so nothing was timed; it runs something else here."
        )
