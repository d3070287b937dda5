"""What is kept in the cache, how large it is, and when it was used last.

    python -m vggjax.cache                     list it
    python -m vggjax.cache verify              read it all, compare the checksums
    python -m vggjax.cache clear features      remove a part of it
    python -m vggjax.cache clear all

Everything in it can be computed or fetched again. It lies where VGGJAX_CACHE
says, and otherwise in the platform's folder for such things.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vggjax import checksums
from vggjax.claims import is_claimed, remove_leftovers_below
from vggjax.command import finish
from vggjax.errors import DataError, WeightsError, listed, visible
from vggjax.files import cache_folder

DAY = 24 * 3600
WHOLE = "whole"


@dataclass(frozen=True)
class Entry:
    """One part of the cache, such as `features`, or one thing in it, with its size in bytes.

    `used` is when one of its files was read or written last, in seconds as `time.time()` has them.
    """

    name: str
    files: int
    size: int
    used: float

    @classmethod
    def of(cls, path: Path, name: str) -> "Entry":
        """What is at `path`; files that go meanwhile don't count."""
        found = []
        for file in path.rglob("*") if path.is_dir() else [path]:
            try:
                found.append(file.stat()) if file.is_file() else None
            except OSError:
                continue
        used = max((max(stat.st_atime, stat.st_mtime) for stat in found), default=0.0)
        return cls(name, len(found), sum(stat.st_size for stat in found), used)


def entries(folder: Path) -> list[Entry]:
    """The parts of the cache at `folder`, each followed by what is in it."""
    found = []
    for part in sorted(folder.iterdir()) if folder.is_dir() else []:
        places = sorted(part.iterdir()) if part.is_dir() else [part]
        inside = [Entry.of(each, f"{part.name}/{each.name}") for each in places]
        used = max((each.used for each in inside), default=0.0)
        files, size = sum(each.files for each in inside), sum(each.size for each in inside)
        shown = inside if any(each.is_dir() for each in places) else []
        found += [Entry(part.name, files, size, used), *shown]
    return found


def clear(folder: Path, names: Sequence[str]) -> int:
    """Remove what is called so in the cache at `folder`, or `all`; returns how many bytes it had.

    Raises DataError, before anything is removed, for a name that isn't there, and for what a
    running program is writing.
    """
    there = {entry.name: entry for entry in entries(folder)}
    missing = [name for name in names if name not in there and name != "all"]
    if missing:
        known = ", ".join(name for name in there if "/" not in name) or "nothing"
        raise DataError(f"There is no {missing[0]} in the cache {folder}; there is {known}.")
    parts = [name for name in there if "/" not in name] if "all" in names else list(names)
    for name in parts:
        busy = next((path for path in (folder / name).rglob("*") if is_claimed(path)), None)
        if busy:
            raise DataError(f"A running program is writing {busy}; wait for its end, or end it.")
    for name in parts:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return sum(there[name].size for name in parts)


def overview(folder: Path) -> str:
    """The cache at `folder` as a text, one line for each entry."""
    found = entries(folder)
    total = sum(entry.size for entry in found if "/" not in entry.name)
    return "\n".join([f"{folder}: {total / 1e6:,.1f} MB", *map(_line, found)])


def _features(folder: Path) -> Iterator[tuple[Path, str]]:
    from vggjax.features.cache import store_called

    for place in sorted(folder.iterdir()):
        if store := store_called(place):
            rows, damaged = store.verify()
            lost = f"{damaged:,} of {rows:,} rows and {store.lost_files:,} files"
            said = f"{lost} were damaged; they are computed again when they are needed"
            yield place, said if damaged or store.lost_files else WHOLE


def _weights(folder: Path) -> Iterator[tuple[Path, str]]:
    from vggjax.weights.store import verify

    for place in sorted(folder.iterdir()):
        try:
            verify(place)
            yield place, WHOLE
        except WeightsError as error:
            yield place, str(error)


def _listed(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.glob("*/*.sha256")):
        place = path.with_suffix("")
        yield place, listed(checksums.problems(place), most=3) or WHOLE


# How the parts are verified that can be; others (programs that JAX compiled) say it themselves.
VERIFIED = {"features": _features, "weights": _weights, "demo": _listed, "caltech256": _listed}


def verify(folder: Path) -> dict[str, str]:
    """What is found of all that can be verified in the cache at `folder`: WHOLE, or what isn't.

    What killed programs left half-written is removed; damaged features are taken out.
    """
    found: dict[str, str] = {}
    remove_leftovers_below(folder)
    for part in sorted(folder.iterdir()) if folder.is_dir() else []:
        if part.is_dir() and part.name in VERIFIED:
            told = VERIFIED[part.name](part)
            found |= {place.relative_to(folder).as_posix(): text for place, text in told}
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """List the cache or clear a part of it; raises DataError for one that isn't there."""
    parser = argparse.ArgumentParser(
        prog="python -m vggjax.cache",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("list", help="what is there (the default)")
    commands.add_parser("verify", help="read it all, and say what is damaged")
    clearing = commands.add_parser("clear", help="remove a part, or one thing in it, or all")
    clearing.add_argument(
        "names", nargs="+", metavar="PART", help="as listed: PART, PART/NAME, all"
    )
    options = parser.parse_args(arguments)
    if options.command == "clear":
        size = clear(cache_folder(), options.names)
        print(f"{size / 1e6:,.1f} MB removed from {cache_folder()}")
    elif options.command == "verify":
        _tell(verify(cache_folder()))
    else:
        print(overview(cache_folder()))


def _tell(found: Mapping[str, str]) -> None:
    """Print what was verified; DataError if not all of it is whole."""
    for name, text in found.items():
        print(visible(f"{name}: {text}"))
    damaged = sum(text != WHOLE for text in found.values())
    if damaged:
        raise DataError(f"{damaged:,} of {len(found):,} parts are damaged.")
    print(f"{len(found):,} of {len(found):,} parts are whole")


def _line(entry: Entry) -> str:
    *parts, name = entry.name.split("/")
    what = f"{entry.size / 1e6:>9,.1f} MB  {entry.files:>7,} files  {_days(entry.used):>12}"
    return f"{what}  {'  ' * len(parts)}{visible(name)}"


def _days(used: float) -> str:
    """How long ago something was used, in days."""
    days = int((time.time() - used) // DAY)
    return {0: "today", 1: "yesterday"}.get(days, f"{days:,} days ago")


if __name__ == "__main__":
    sys.exit(finish(main, None))
