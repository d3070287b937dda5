"""Files that this project writes itself, and archives: how a valid one is made, and how it is read.

What comes out of a file with checksums is what was written, or is taken for missing.
"""

import hashlib
import io
import sys
import tarfile
from contextlib import closing
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2] / "experiments"))

from engine.run_folder import KEYS, RESULT, Result

from vggjax.checked_json import write_checked_json
from vggjax.data import Dataset, make_split
from vggjax.data.archive import look_through
from vggjax.data.split_files import load_splits, save_splits
from vggjax.features.cache import FeatureStore
from vggjax.features.segment import SUFFIX, DamagedSegment, Layout, Segment
from vggjax.training.resume import _read, _write

Rng = np.random.Generator
LAYOUT = Layout((5,), np.dtype(np.float32))
DIGEST = "ab" * 32


def split_file(folder: Path, rng: Rng) -> Path:
    labels = rng.integers(0, 3, 60).astype(np.int32)
    ids = tuple(f"{label}/{number}" for number, label in enumerate(labels))
    dataset = Dataset("some", ("0", "1", "2"), ids, labels, lambda name: name.encode())
    save_splits(folder / "split.json", [make_split(dataset, 4, 2, 2, seed) for seed in (0, 1)])
    return folder / "split.json"


def read_splits(path: Path) -> None:
    """No image is on two sides."""
    for split in load_splits(path):
        for own in split.classes.values():
            parts = (*own.train, *own.validation, *own.test)
            assert len(parts) == len(set(parts))


def result(folder: Path, rng: Rng) -> Path:
    own = {key: [] if key in ("records", "files") else {} for key in KEYS}
    run = folder / "run"
    run.mkdir()
    write_checked_json(run / RESULT, {**own, "seconds": float(rng.random())})
    return run


def read_result(path: Path) -> None:
    assert Result.load(path).records == []


def features(folder: Path, rng: Rng) -> Path:
    keys = rng.integers(0, 256, (9, 32), np.uint8)
    with closing(FeatureStore(folder, LAYOUT.row_shape, LAYOUT.dtype).writer(keys)) as writer:
        writer.write(np.stack([_row(key) for key in keys[: rng.integers(1, 10)]]))
    return next(folder.glob(f"*{SUFFIX}"))


def read_features(path: Path) -> None:
    """Each row that is there is its key's."""
    try:
        segment = Segment.open(path, LAYOUT)
    except DamagedSegment:
        return
    there = np.flatnonzero(segment.there)
    bad = segment.verify(there)
    good = np.setdiff1d(there, bad)
    for row, values in zip(good, segment.read(good), strict=True):
        np.testing.assert_array_equal(values, _row(segment.table["key"][row]))


def _row(key: np.ndarray) -> np.ndarray:
    return np.frombuffer(hashlib.sha256(key.tobytes()).digest()[:20], np.uint8)[::4].astype("f4")


def training(folder: Path, rng: Rng) -> Path:
    about = {"digest": DIGEST, "history": [], "has_best": False, "has_ended": False}
    _write(folder / "training.npz", about, [rng.normal(size=(3, 4)), np.arange(5.0)])
    return folder / "training.npz"


def read_training(path: Path) -> None:
    found = _read(path, DIGEST, 10**6)
    assert found is None or [array.shape for array in found[1]] == [(3, 4), (5,)]


def archive(folder: Path, rng: Rng) -> Path:
    kind = (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)[rng.integers(3)]
    with tarfile.open(folder / "a.tar", "w", format=kind) as tar:
        for number in range(4):
            member = tarfile.TarInfo(f"256_ObjectCategories/001.class/{number}.jpg")
            member.size = int(rng.integers(1, 2000))
            if kind == tarfile.PAX_FORMAT:
                member.pax_headers = {"mtime": "1.5", "comment": "words"}
            tar.addfile(member, io.BytesIO(rng.bytes(member.size)))
    return folder / "a.tar"


def read_archive(path: Path) -> None:
    """All that would be written lies in the folder, and in the archive."""
    found = look_through(path, "256_ObjectCategories")
    for name, (place, size) in found.files.items():
        assert ".." not in Path(name).parts
        assert not Path(name).is_absolute()
        assert 0 <= place <= place + size <= path.stat().st_size


OWN = (
    ("split file", split_file, read_splits),
    ("result", result, read_result),
    ("features", features, read_features),
    ("training", training, read_training),
    ("archive", archive, read_archive),
)
