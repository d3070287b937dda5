"""The folder of a run: it belongs to what the run was made from, and holds nothing else."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vggjax.files import require_utf8, require_writable, write_json
from vggjax.training import Record

RESULT = "result.json"
# What every result holds, whatever its experiment.
KEYS = (
    *("experiment", "rows", "title", "mark", "dataset", "classes", "weights", "layers", "demo"),
    *("comparable", "command", "settings", "remarks", "records", "origin", "seconds", "files"),
)


@dataclass(frozen=True)
class Result:
    """What a run found: the content of its `result.json`."""

    content: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.content[name]

    @property
    def records(self) -> list[Record]:
        """The heads that were trained."""
        return [Record.from_json(entry) for entry in self.content["records"]]

    @classmethod
    def read(cls, folder: Path) -> "Result | None":
        """The result in `folder`; None if there is none, or none that can be read."""
        try:
            content = json.loads((folder / RESULT).read_text(encoding="utf-8"))
            result = cls(content)
            _ = result.records, [content[key] for key in KEYS]
            inside = all(name == Path(name).name not in ("", "..") for name in content["files"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return result if inside else None


@dataclass(frozen=True)
class RunFolder:
    """A folder that is filled with the files of one run, all of them listed in its result."""

    path: Path

    def require_usable(self) -> None:
        """Raise what a user can mend if a run can't be kept here, before it begins."""
        require_utf8(self.path)
        require_writable(self.path / RESULT)

    def stored(self, origin: Mapping[str, Any], wanted: Sequence[str] = ()) -> Result | None:
        """The result of the run made from `origin`, if it and all its files are here.

        Each of `wanted` must begin the name of one of the files.
        """
        result = Result.read(self.path)
        if result is None or result["origin"] != origin or origin["weights"] is None:
            return None
        files = result["files"]
        complete = all((self.path / name).exists() for name in files)
        found = all(any(name.startswith(start) for name in files) for start in wanted)
        return result if complete and found else None

    def replaced(self, origin: Mapping[str, Any]) -> str:
        """In place of what a run made from `origin` comes, in words; "" if of nothing else."""
        result = Result.read(self.path)
        if result is None or result["origin"] == origin:
            return ""
        own, ours = result["origin"].get("versions") or {}, origin.get("versions") or {}
        if {**result["origin"], "versions": ours} != {**origin, "versions": ours}:
            return "another run"
        others = [f"{n} {v}" for n, v in own.items() if v != ours.get(n)]
        return f"the same run by {', '.join(others) or 'versions that nobody kept'}"

    @contextmanager
    def staged(self) -> Iterator[Path]:
        """An empty folder beside the final one, for the new run's files; it goes at the end."""
        self.path.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".new-", dir=self.path) as folder:
            yield Path(folder)

    def replace(self, staged: Path, content: Mapping[str, Any]) -> Result:
        """Put the files in `staged` and the result in place of an earlier run's.

        What that run left and this one doesn't have is removed; files that no run lists stay.
        """
        earlier = Result.read(self.path)
        names = sorted(path.name for path in staged.iterdir())
        live = [name for name in content["files"] if name not in names]
        (self.path / RESULT).unlink(missing_ok=True)  # it would not belong to what comes now
        for name in {*names, *(earlier["files"] if earlier else ())} - {*live}:
            _remove(self.path / name)
        for name in names:
            (staged / name).rename(self.path / name)
        content = {**content, "files": sorted([*names, *live])}
        write_json(self.path / RESULT, content)
        return Result(content)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
