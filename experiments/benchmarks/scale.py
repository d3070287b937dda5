"""Workload `scale`: seconds and memory of all but the network, against the number of images.

    python experiments/benchmarks/scale.py                  # to a million, a quarter of an hour
    python experiments/benchmarks/scale.py --counts 1000 10000 --folder /mnt/disk

The folders hold JPEGs of one pixel, all different and all of one size, so that finding copies has
to look into every one; a million take 4 GB and as many inodes below `--folder`, for a while. The
features are rows of 8 numbers in 10 files. Each number of images has a new process for each part.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # this folder has a flax.py

from benchmarks.measure import run_python
from benchmarks.memory import peak_bytes
from benchmarks.results import Comparison, Row
from vggjax.data import ImageArray, load_folder, load_splits, make_split, save_splits, unreadable
from vggjax.features.cache import FeatureStore
from vggjax.report import Table

COUNTS = (1_000, 10_000, 100_000, 1_000_000)
_CLASSES, _PER_CLASS = 256, 50  # at most so many classes, of at least so many images
_ROW, _FILES, _AT_ONCE, _CHOSEN = (8,), 10, 1_000, 10_000

Step = tuple[str, Callable[[], Any]]


def scale(counts: Sequence[int] = COUNTS, folder: Path | None = None) -> list[Comparison]:
    """One comparison for each step, whose rows are the numbers of images."""
    rows: dict[str, list[Row]] = {}
    for count in counts:
        with TemporaryDirectory(prefix="vggjax-", dir=folder) as place:
            write_images(Path(place, "images"), count)
            for part in PARTS:
                arguments = ["-m", "benchmarks.scale", "--part", part, str(count), place]
                found = json.loads(run_python(arguments, Path(__file__).resolve().parents[1]))
                for step, (seconds, megabytes, spent) in found.items():
                    note = f"{spent:.2f} s of processor time"
                    row = Row(f"{count:,} images", (seconds,), None, megabytes, note, ours=True)
                    rows.setdefault(step, []).append(row)
    return [Comparison(f"scale {k}", k, tuple(own), ratios=False) for k, own in rows.items()]


def table(comparisons: Sequence[Comparison]) -> str:
    """A line for each step: seconds and peak memory for each number, and what an image adds."""
    counts = [int(row.arm.split()[0].replace(",", "")) for row in comparisons[0].rows]
    titles = ("step", *(f"{count:,} images: s, MB" for count in counts), "bytes/image")
    return Table(titles, tuple(map(_line, comparisons, [counts] * len(comparisons)))).as_text()


def _line(comparison: Comparison, counts: Sequence[int]) -> tuple[str, ...]:
    peaks = [row.peak_megabytes or 0.0 for row in comparison.rows]
    cells = [f"{r.median:.2f}, {p:,.0f}" for r, p in zip(comparison.rows, peaks, strict=True)]
    added = (peaks[-1] - peaks[0]) * 1e6 / max(1, counts[-1] - counts[0])
    return comparison.title, *cells, f"{added:,.0f}"


def write_images(root: Path, count: int) -> None:
    """`count` different images in folders of classes, as equal in number as can be."""
    classes = min(_CLASSES, max(2, count // _PER_CLASS))
    for label in range(classes):
        own = root / f"{label:03d}.class"
        own.mkdir(parents=True)
        for number in range(label, count, classes):
            (own / f"{label:03d}_{number:07d}.png").write_bytes(image(number))


def image(number: int) -> bytes:
    """A gray JPEG of one pixel, with a comment that no other number has."""
    comment = f"number {number:012d}".encode()
    length = (len(comment) + 2).to_bytes(2, "big")
    return _pixel()[:2] + b"\xff\xfe" + length + comment + _pixel()[2:]


@cache
def _pixel() -> bytes:
    file = BytesIO()
    Image.new("L", (1, 1)).save(file, "JPEG", optimize=True)
    return file.getvalue()


def folder_steps(count: int, place: Path) -> Iterator[Step]:
    """What a run does with a folder of images before and after the network."""
    found: dict[str, Any] = {}
    split_file = place / "split.json"
    yield "scan the folder", lambda: found.update(dataset=load_folder(place / "images"))
    dataset = found["dataset"]
    yield "look whether all can be read", lambda: unreadable(dataset)
    yield "find copies", lambda: dataset.copies
    held_out = max(1, count // len(dataset.class_names) // 10)
    sizes = (8 * held_out, held_out, held_out)
    yield "split, 8 : 1 : 1", lambda: found.update(split=make_split(dataset, *sizes))
    yield "write the split", lambda: save_splits(split_file, [found["split"]])
    yield "read the split", lambda: load_splits(split_file)
    yield "find the split's images", lambda: found["split"].indices(dataset, "train")
    yield "name images by content", lambda: ImageArray(dataset, size=32).keys()


def writing_steps(count: int, place: Path) -> Iterator[Step]:
    """Rows that a network might have computed."""
    yield "write features", lambda: write_features(place / "features", keys_of(count))


def reading_steps(count: int, place: Path) -> Iterator[Step]:
    """Features of a store that this process hasn't seen yet."""
    keys, found = keys_of(count), dict[str, Any]()
    chosen = np.random.default_rng(1).integers(count, size=_CHOSEN)
    yield "open the features", lambda: found.update(store=store_in(place / "features"))
    store = found["store"]
    yield "look for all, compare checksums", lambda: store.missing(keys)
    yield "look for all again", lambda: store.missing(keys)
    yield "choose 10,000 at random", lambda: found.update(rows=store.select(keys[chosen]))
    yield "read these", lambda: found["rows"][:]


def store_in(folder: Path) -> FeatureStore:
    """The store of the synthetic features."""
    return FeatureStore(folder, _ROW, np.dtype(np.float32))


def keys_of(count: int) -> np.ndarray:
    """Random keys (count, 32), as hashes are."""
    return np.random.default_rng(0).integers(256, size=(count, 32), dtype=np.uint8)


def write_features(folder: Path, keys: np.ndarray) -> None:
    """One row for each key, in several files, so many at once as a network's batch might have."""
    store, rows = store_in(folder), np.arange(_AT_ONCE * 8, dtype=np.float32).reshape(-1, 8)
    for own in np.array_split(keys, _FILES):
        with closing(store.writer(own)) as writer:
            for start in range(0, len(own), _AT_ONCE):
                writer.write(rows[: len(own) - start])


PARTS = {"folder": folder_steps, "writing": writing_steps, "reading": reading_steps}


def measure(steps: Iterator[Step]) -> dict[str, tuple[float, float, float]]:
    """Of each step its seconds, the most memory in MB meanwhile, and seconds of processor time."""
    found = {}
    for name, step in steps:
        _forget_peak()
        start, spent = time.perf_counter(), time.process_time()
        step()
        seconds, spent = time.perf_counter() - start, time.process_time() - spent
        found[name] = seconds, peak_bytes() / 1e6, spent
    return found


def _forget_peak() -> None:
    """Let what a process had at most begin anew, where the system can do that (Linux)."""
    place = Path("/proc/self/clear_refs")
    if place.exists():
        place.write_text("5", encoding="ascii")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, or run one part in this process."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--counts", nargs="+", type=int, default=COUNTS, metavar="N")
    parser.add_argument("--folder", type=Path, help="where images and features are written")
    parser.add_argument("--part", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.part:
        part, count, place = options.part
        print(json.dumps(measure(PARTS[part](int(count), Path(place)))))
    else:
        print(table(scale(options.counts, options.folder)))


if __name__ == "__main__":
    main()
