"""Programs that are killed or interrupted while they work, run again, and compared.

VGGJAX_KILLS=200 python -m pytest tests/survival -m slow -s
"""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# Of results, what needn't be the same: times, files of Orbax, and whether it was asked for again.
TIMES = {"seconds", "made_by", "checksum", "checksums", "command", "settings"}
_DATES = re.compile(rb"\d{4}-\d\d-\d\d|\d+:\d\d(:\d\d)?|\d+\.\d s")
LEFT = re.compile(r"\..+\.([0-9a-f]{32}|lock|old)|.*\.part|.*checkpoint-tmp.*|\.new.*")


@dataclass(frozen=True)
class Work:
    """A program: the arguments of Python, and what is put into its folder beforehand."""

    name: str
    arguments: Sequence[Any]
    prepare: Callable[[Path], None] = lambda folder: None
    variables: dict[str, str] = field(default_factory=dict)

    def start(self, folder: Path) -> "subprocess.Popen[str]":
        """Start it in `folder`, where its cache is, too."""
        pipe = subprocess.PIPE
        variables = {"PYTHONPATH": str(ROOT), "VGGJAX_CACHE": "cache", "MPLBACKEND": "Agg"}
        return subprocess.Popen(
            [sys.executable, *map(str, self.arguments)], stdout=pipe, stderr=pipe, text=True,
            cwd=folder, env={**os.environ, **variables, **self.variables},
        )  # fmt: skip

    def fresh(self, folder: Path) -> Path:
        """A new folder to run it in."""
        folder.mkdir(parents=True)
        self.prepare(folder)
        return folder

    def finish(self, folder: Path) -> tuple[float, str]:
        """Run it to its end: how long that took, in seconds, and what it said."""
        begin = time.monotonic()
        program = self.start(folder)
        out, errors = program.communicate(timeout=600)
        assert program.returncode == 0, errors
        return time.monotonic() - begin, out

    def stop(self, folder: Path, after: float, number: int = signal.SIGKILL) -> "Stopped | None":
        """Start it and send it a signal; None if it had come to its end by then."""
        program = self.start(folder)
        try:
            program.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            begin = time.monotonic()
            program.send_signal(number)
            out, errors = program.communicate(timeout=60)
            return Stopped(program.returncode, out, errors, time.monotonic() - begin)
        return None


@dataclass(frozen=True)
class Stopped:
    """How a program ended after a signal, and how many seconds that took."""

    status: int
    out: str
    errors: str
    seconds: float


def leaves(folder: Path) -> dict[str, Any]:
    """What a program has left, times aside: of each file what must be the same again."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and (content := _content(path, name)) is not None:
            found[name] = content
    return found


def left_over(folder: Path) -> list[str]:
    """What nobody needs any more."""
    return [path.name for path in folder.rglob("*") if LEFT.fullmatch(path.name)]


def _content(path: Path, name: str) -> Any:
    if name.startswith(("cache/compiled", "cache/features")) or "/params/" in name:
        return None
    if path.name == "result.json":
        return _timeless(json.loads(path.read_text()))
    if path.name == "metadata":
        return _timeless(json.loads(path.read_text()))["digests"]
    content = path.read_bytes()
    if path.name in ("report.md", "report.html"):
        content = _DATES.sub(b"", content)
    return hashlib.sha256(content).hexdigest()


def _timeless(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _timeless(value) for key, value in content.items() if key not in TIMES}
    return [_timeless(each) for each in content] if isinstance(content, list) else content
