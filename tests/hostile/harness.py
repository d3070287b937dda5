"""Mutated files for all readers: `python tests/hostile/harness.py 5000 [SEED [READER …]]`.

Prints a table: what became of the files of each reader. Those that it handles wrongly are kept in
the folder that is named at the end.
"""

import json
import select
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mutations import mutate
from readers import READERS, Reader
from tqdm import tqdm

MOST_SECONDS, MOST_MEGABYTES = 10, 2000
START_SECONDS = 300
ORIGINALS = 25  # mutations of one valid file
GOOD = ("accepted", "refused")
WRONG = ("wrong", "crashed", "hung", "over 2 GB", "code run", "files outside")


class Worker:
    """Another process that reads; a new one where the last has died or didn't come back."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.process = folder, None

    def ask(self, *question: Any, seconds: float) -> list[Any] | str:
        """Its answer; or what has become of it instead."""
        if self.process is None:
            self.process = self._started()
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            self.end()
            return "hung"
        line = self.process.stdout.readline()
        if not line:
            self.end()
            return "crashed"
        return json.loads(line)

    def _started(self) -> Any:
        program = [sys.executable, str(Path(__file__).with_name("worker.py"))]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        (self.folder / "said").touch()
        with (self.folder / "said").open("a") as said:
            return subprocess.Popen(program, cwd=self.folder / "empty", stderr=said, **pipes)

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


def attack(
    folder: Path, count: int, seed: int = 0, readers: Sequence[Reader] = READERS
) -> dict[str, Counter]:
    """What became of `count` mutated files over all readers, by their names; kept in `folder`."""
    (folder / "empty").mkdir()
    worker, found = Worker(folder), {}
    total = sum(reader.share for reader in readers)
    try:
        for reader in tqdm(readers, unit="reader", disable=None):
            own = max(1, round(count * reader.share / total))
            rng = np.random.default_rng([seed, *reader.name.encode()])
            found[reader.name] = Counter(_outcomes(worker, reader, own, rng))
    finally:
        worker.end()
    return found


def _outcomes(worker: Worker, reader: Reader, count: int, rng: Any) -> Iterator[str]:
    for number in range(count):
        if number % ORIGINALS == 0:
            place = worker.folder / f"{reader.name} {number}".replace(" ", "-")
            place.mkdir()
            valid = reader.make(place, rng)
            answer = worker.ask(reader.name, str(valid), False, seconds=START_SECONDS)
            assert answer[0] == "accepted", f"{reader.name}, valid: {answer}"
        case = mutate(valid, place / f"case{number}{valid.suffix}", rng)
        yield _judged(worker, reader, valid, case)


def _judged(worker: Worker, reader: Reader, valid: Path, case: Path) -> str:
    """What a mutated file comes to; it is removed if all is well."""
    if worker.process is None:  # what is imported first isn't the file's doing
        worker.ask(reader.name, str(valid), False, seconds=START_SECONDS)
    answer = worker.ask(reader.name, str(case), True, seconds=MOST_SECONDS)
    if isinstance(answer, str):
        kind, text = answer, ""
    else:
        kind, text, done, megabytes = answer
        if megabytes > MOST_MEGABYTES:
            kind, text = "over 2 GB", f"{megabytes} MB"
        elif done:
            kind, text = "code run", str(done)
    if outside := [*(worker.folder / "empty").iterdir()]:
        kind, text = "files outside", str(outside)
    if kind in GOOD:
        shutil.rmtree(case) if case.is_dir() else case.unlink()
    else:
        print(f"{reader.name}: {kind} {text} {case}", file=sys.stderr)
    return kind


def table(found: dict[str, Counter]) -> str:
    """A row for each reader."""
    heads = ("files", *GOOD, *WRONG)
    rows = {**found, "all": sum(found.values(), Counter())}
    lines = [f"{'':22}" + "".join(f"{head:>15}" for head in heads)]
    for name, counts in rows.items():
        cells = (counts.total(), *(counts[head] for head in heads[1:]))
        lines.append(f"{name:22}" + "".join(f"{cell:15,}" for cell in cells))
    return "\n".join(lines)


def main(count: str = "1000", seed: str = "0", *names: str) -> None:
    """Attack all readers, or those named, and print the table."""
    folder = Path(tempfile.mkdtemp(prefix="hostile-"))
    readers = [reader for reader in READERS if not names or reader.name in names]
    print(table(attack(folder, int(count), int(seed), readers)))
    print(f"kept in {folder}")


if __name__ == "__main__":
    main(*sys.argv[1:])
