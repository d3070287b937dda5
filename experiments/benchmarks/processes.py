"""Workload `processes`: the same images through VGG16 by one process and by two, a core each.

    python experiments/benchmarks/processes.py
    python experiments/benchmarks/processes.py --images 64 --rounds 1

Two ordinary processes share what they find in one cache; two that `jax.distributed` has joined
share the images as docs/distributed.md says. Programs are compiled before the time begins, which
ends with the last process. Linux only.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # this folder has a flax.py

from benchmarks.inputs import rendered_tree
from vggjax.data import ImageArray, load_folder
from vggjax.distributed import initialize
from vggjax.errors import VggjaxError
from vggjax.features import compute, extract
from vggjax.interrupts import ended_with_us
from vggjax.report import Table
from vggjax.weights import load_vgg

LAYER = "block5_pool"
_PER_CLASS, _BATCH = 8, 32
# The cores of each process, and whether they are joined.
ARMS = {
    "1 process, 1 core": ([[0]], False),
    "1 process, 2 cores": ([[0, 1]], False),
    "2 processes, 1 core each": ([[0], [1]], False),
    "2 joined processes, 1 core each": ([[0], [1]], True),
}


def processes(count: int, rounds: int) -> str:
    """A table of the arms, which take turns: seconds, and how many times as fast as the first."""
    folder = rendered_tree(max(2, -(-count // _PER_CLASS)), _PER_CLASS)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ARMS}
    for _ in range(rounds):
        for name, arm in ARMS.items():
            found[name].append(_run(folder, count, *arm))
    walls, works = (
        {name: median(r[i] for r in own) for name, own in found.items()} for i in (0, 1)
    )
    first = next(iter(walls.values()))
    rows = [
        (name, f"{wall:.1f}", f"{first / wall:.2f}", f"{works[name]:.1f}")
        for name, wall in walls.items()
    ]
    return Table(("arm", "median s", "times as fast", "processor s"), tuple(rows)).as_text()


def _run(
    folder: Path, count: int, cores: Sequence[Sequence[int]], joined: bool
) -> tuple[float, float]:
    """Seconds from the start of all processes to the end of the last, and of processors in all."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(TemporaryDirectory(prefix="vggjax-")))
        address = f"localhost:{_free_port()}" if joined else None
        programs = []
        for number, own in enumerate(cores):
            job = json.dumps([str(folder), count, own, str(place), number, len(cores), address])
            command = [sys.executable, "-m", "benchmarks.processes", "--job", job]
            env, here = {**os.environ, "JAX_PLATFORMS": "cpu"}, Path(__file__).resolve().parents[1]
            program = subprocess.Popen(
                command, stdout=subprocess.PIPE, text=True, env=env, cwd=here
            )
            programs.append(stack.enter_context(program))
            stack.enter_context(ended_with_us(program))
        while len(list(place.glob("ready*"))) < len(cores):
            if any(program.poll() for program in programs):
                raise VggjaxError("A process of the benchmark failed.")
            time.sleep(0.05)
        (place / "go").touch()
        told = [json.loads(program.communicate()[0].splitlines()[-1]) for program in programs]
    return max(each[0] for each in told), sum(each[1] for each in told)


def extract_share(
    folder: str,
    count: int,
    cores: list[int],
    place: str,
    number: int,
    total: int,
    address: str | None,
) -> None:
    """What each process does: compile, wait for the others, extract, print what that took."""
    os.sched_setaffinity(0, cores)
    if address:
        initialize(address, total, number)
    backbone = load_vgg("random", until=LAYER)
    images = ImageArray(
        load_folder(folder), np.arange(count), resize="bilinear", threads=len(cores)
    )
    compute(backbone, images[:_BATCH], _BATCH)
    Path(place, f"ready{number}").touch()
    while not Path(place, "go").exists():
        time.sleep(0.01)
    start, spent = time.perf_counter(), time.process_time()
    extract(backbone, images, batch_size=_BATCH, cache=Path(place, "cache"))
    print(json.dumps([time.perf_counter() - start, time.process_time() - spent]))


def _free_port() -> int:
    with socket.create_server(("localhost", 0)) as server:
        return int(server.getsockname()[1])


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, or be one of the processes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=256, metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.job:
        extract_share(*options.job)
    else:
        print(processes(options.images, options.rounds))


if __name__ == "__main__":
    main()
