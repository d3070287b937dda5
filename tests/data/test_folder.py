import os
from pathlib import Path

import numpy as np
import pytest

from vggjax.data import load_folder, summary
from vggjax.errors import DataError


def write_images(root: Path, **counts: int) -> Path:
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            (root / name / f"{number:04d}.png").write_text(f"{name} {number}")
    return root


def test_classes_ids_and_labels(tmp_path):
    dataset = load_folder(write_images(tmp_path / "pets", dogs=2, cats=3))
    assert dataset.name == "pets"
    assert dataset.class_names == ("cats", "dogs")
    assert dataset.ids[2:4] == ("cats/0002.png", "dogs/0000.png")
    np.testing.assert_array_equal(dataset.labels, [0, 0, 0, 1, 1])
    assert dataset.labels.dtype == np.int32
    assert dataset.counts() == {"cats": 3, "dogs": 2}
    assert not dataset.demo
    assert dataset.read("cats/0002.png") == b"cats 2"


def test_strays_are_left_out_and_told(tmp_path):
    root = write_images(tmp_path, cats=1, dogs=1)
    write_images(root / "cats", kittens=2)
    write_images(root, __MACOSX=1, clutter=1)
    (root / ".git").mkdir()
    for stray in ("README.txt", "cats/.hidden.jpg", "cats/Thumbs.db", "dogs/RENAME2", "flat.jpg"):
        (root / stray).write_bytes(b"")
    (root / "dogs" / "folder.jpg").mkdir()
    (root / "dogs" / "B.JPEG").write_bytes(b"")
    dataset = load_folder(root, name="mine", demo=True, skip=("clutter",))
    assert dataset.class_names == ("cats", "dogs")
    assert dataset.ids == ("cats/0000.png", "dogs/0000.png", "dogs/B.JPEG")
    assert (dataset.name, dataset.demo) == ("mine", True)
    assert dataset.notes == (
        "left out: 2 images in folders inside a class (cats/kittens), 1 .txt, 1 file of the system,"
        " 1 file without an ending, 1 folder of the system, 1 loose image, 2 of other kinds",
    )


def message(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        load_folder(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_mistakes_are_named(tmp_path):
    assert f"no folder {tmp_path / 'absent'}" in message(tmp_path / "absent")
    file = tmp_path / "file.txt"
    file.write_text("")
    assert "file.txt is not a folder" in message(file)
    (tmp_path / "nothing").mkdir()
    assert "no class folders" in message(tmp_path / "nothing")
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "1.jpg").write_bytes(b"")
    assert "lie flat in it; sort them into one sub-folder" in message(tmp_path / "flat")
    assert "only one class folder (cats)" in message(write_images(tmp_path / "one", cats=2))
    empty = message(write_images(tmp_path / "some", cats=2, birds=0, dogs=1))
    assert f"no images in the class folder {tmp_path / 'some' / 'birds'}" in empty


def test_missing_and_forbidden_files(tmp_path, monkeypatch):
    dataset = load_folder(write_images(tmp_path, cats=1, dogs=1))
    (tmp_path / "dogs" / "0000.png").unlink()
    with pytest.raises(DataError, match=r"dogs/0000\.png: No such file"):
        dataset.read("dogs/0000.png")

    def refuse(path, *_):
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match=r"cats/0000\.png: Permission denied"):
        dataset.read("cats/0000.png")
    monkeypatch.setattr(os, "scandir", refuse)
    assert f"Cannot read the folder {tmp_path}: Permission denied" in message(tmp_path)


def test_summary(tmp_path):
    dataset = load_folder(write_images(tmp_path, cats=11, lions=2), name="pets", demo=True)
    assert summary(dataset).splitlines() == [
        "pets: 2 classes, 13 images (demo: rendered images), 2 (lions) to 11 (cats) a class",
        "  cats       11",
        "  lions       2",
    ]
