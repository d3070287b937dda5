"""The folder of a run: it belongs to what the run was made from, and holds nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vggjax.checked_json import ContentError, MissingError, read_checked_json, write_checked_json
from vggjax.claims import claimed, is_claimed, lock_of, remove, remove_leftovers, temporary
from vggjax.errors import VggjaxError, listed
from vggjax.files import content_hash, named_for, require_utf8, require_writable
from vggjax.training import Record

RESULT = "result.json"
NEW = ".new"  # a finished run that is not in its place yet
CHECKPOINT = ".training-"  # how the folders begin in which trainings keep their progress
# What every result holds, whatever its experiment.
KEYS = (
    *("experiment", "rows", "title", "mark", "dataset", "classes", "weights", "layers", "demo"),
    *("comparable", "command", "settings", "remarks", "records", "origin", "seconds", "files"),
    "checksums",
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
    def load(cls, folder: Path) -> "Result":
        """The result in `folder`; ContentError if it is not there or not what a run wrote."""
        content = read_checked_json(folder / RESULT)
        result = cls(content)
        try:
            _ = result.records, [content[key] for key in KEYS], {**content["checksums"]}
            inside = all(name == Path(name).name and name[0] != "." for name in content["files"])
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise ContentError(folder / RESULT, "it is not of this version's form") from error
        if not inside:
            raise ContentError(folder / RESULT, "it lists files outside of its folder")
        return result

    @classmethod
    def read(cls, folder: Path) -> "Result | None":
        """The result in `folder`, in its place by now; None if there is none that can be used."""
        finish_begun(folder)
        try:
            return cls.load(folder)
        except ContentError:
            return None


@dataclass(frozen=True)
class RunFolder:
    """A folder that is filled with the files of one run, all of them listed in its result."""

    path: Path

    def require_usable(self) -> None:
        """Raise what a user can mend if a run can't be kept here, before it begins."""
        require_utf8(self.path)
        require_writable(self.path / RESULT)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """A block that no other process enters for this folder; in it, nothing is left half-done.

        A folder that is made for it goes again if it stays empty.
        """
        made = [each for each in (self.path, *self.path.parents) if not each.exists()]
        try:
            with ExitStack() as stack:
                with named_for(self.path / RESULT, self.path / f".{RESULT}."):
                    stack.enter_context(claimed(self.path / RESULT))
                remove_leftovers(self.path)
                settle(self.path)
                yield
        finally:
            with suppress(OSError):
                for folder in made:
                    folder.rmdir()

    def stored(self, origin: Mapping[str, Any], wanted: Sequence[str] = ()) -> Result | None:
        """The result of the run made from `origin`, if it and all its files are as it left them.

        Each of `wanted` must begin the name of one of the files.
        """
        try:
            result = Result.load(self.path)
        except ContentError:
            return None
        if result["origin"] != origin or origin["weights"] is None or self.changed(result):
            return None
        found = all(any(name.startswith(start) for name in result["files"]) for start in wanted)
        return result if found else None

    def changed(self, result: Result) -> list[str]:
        """The files of a result that are missing or aren't what the run wrote."""
        known = result["checksums"]
        return [name for name in result["files"] if _hash(self.path / name) != known.get(name)]

    def replaced(self, origin: Mapping[str, Any]) -> str:
        """In place of what a run made from `origin` comes, in words; "" if of nothing else."""
        try:
            result = Result.load(self.path)
        except MissingError:
            return ""
        except ContentError as error:
            return f"a result that could not be used ({error.cause})"
        if result["origin"] == origin:
            changed = self.changed(result)
            return f"the same run, without {listed(changed)} as it was" if changed else ""
        own, ours = result["origin"].get("versions") or {}, origin.get("versions") or {}
        if {**result["origin"], "versions": ours} != {**origin, "versions": ours}:
            return "another run"
        others = [f"{n} {v}" for n, v in own.items() if v != ours.get(n)]
        return f"the same run by {', '.join(others) or 'versions that nobody kept'}"

    @contextmanager
    def staged(self) -> Iterator[Path]:
        """An empty hidden folder inside, for the new run's files; it goes at the end.

        What can't be written there is named by its place in the run's folder.
        """
        new = self.path / NEW.lstrip(".")
        with named_for(self.path, self.path / f"{NEW}."), temporary(new, folder=True) as place:
            try:
                yield place
            except VggjaxError as error:
                error.args = tuple(str(a).replace(str(place), str(self.path)) for a in error.args)
                raise

    def replace(self, staged: Path, content: Mapping[str, Any]) -> Result:
        """Put the files in `staged` and the result in place of an earlier run's.

        What that run left and this one doesn't have is removed; files that no run lists stay. All
        is complete before the first of them moves: whenever this ends, one of the runs is whole.
        """
        names = sorted(path.name for path in staged.iterdir())
        sums = {name: content_hash(staged / name) for name in names}
        write_checked_json(staged / RESULT, {**content, "files": names, "checksums": sums})
        staged.rename(self.path / NEW)
        settle(self.path)
        return Result.load(self.path)


def finish_begun(folder: Path) -> None:
    """Put a finished run in its place, if a killed process had begun that, for who only reads."""
    if (folder / NEW).is_dir() and not is_claimed(lock_of(folder / RESULT)):
        with suppress(OSError), claimed(folder / RESULT):
            settle(folder)


def settle(folder: Path) -> None:
    """Put a finished run in its place, from wherever that was left; `folder` is claimed."""
    new = folder / NEW
    if not new.is_dir():
        return
    with suppress(ContentError):  # nothing is left in it but itself
        names = Result.load(new)["files"]
        for name in names:
            if (new / name).exists():
                remove(folder / name)
                (new / name).rename(folder / name)
        with suppress(ContentError):
            for name in {*Result.load(folder)["files"]} - {*names, RESULT}:
                remove(folder / name)
        for left in folder.glob(f"{CHECKPOINT}*"):
            remove(left)
        (new / RESULT).replace(folder / RESULT)
    remove(new)


def _hash(path: Path) -> str | None:
    return content_hash(path) if path.exists() else None
