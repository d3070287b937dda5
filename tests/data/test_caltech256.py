import tarfile
from pathlib import Path

import pytest

import vggjax.download
from vggjax.checksums import problems
from vggjax.data import caltech256, load_folder
from vggjax.data.caltech256 import (
    FOLDER,
    find_caltech256,
    load_caltech256,
)
from vggjax.errors import DataError, VggjaxError
from vggjax.files import file_hash

STRAYS = ("198.spider/RENAME2", "056.dog/greg/notes.txt", "056.dog/greg/056_9999.jpg")
CLASSES = ("001.ak47", "056.dog", "198.spider", "257.clutter")


def write_tree(folder: Path) -> Path:
    files = [f"{kind}/{kind[:3]}_{n:04d}.jpg" for kind in CLASSES for n in (1, 2)]
    for name in (*files, *STRAYS):
        path = folder / FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder / FOLDER


def write_tar(path: Path, **contents: str) -> Path:
    """An archive of the tree; `contents` replace those of its files of that number."""
    tree = write_tree(path.parent / "tree")
    for name, content in contents.items():
        next(tree.rglob(f"*{name}.jpg")).write_text(content)
    with tarfile.open(path, "w") as tar:
        tar.add(tree, arcname=FOLDER)
    return path


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("VGGJAX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "caltech256"


@pytest.fixture
def fetched(cache, tmp_path, monkeypatch) -> list[tuple[str, Path, str, int]]:
    """What was asked of `download`, which makes the archive."""
    asked = []

    def download(url: str, target: Path, known_hash: str, size: int) -> Path:
        asked.append((url, target, known_hash, size))
        target.parent.mkdir(parents=True, exist_ok=True)
        return write_tar(tmp_path / "made.tar").rename(target)

    monkeypatch.setattr(vggjax.download, "download", download)
    return asked


def check(dataset) -> None:
    assert dataset.name == "caltech256"
    assert dataset.class_names == CLASSES[:3]
    assert len(dataset) == 6
    assert dataset.ids[2:4] == ("056.dog/056_0001.jpg", "056.dog/056_0002.jpg")
    assert dataset.read(dataset.ids[5]) == b"198.spider/198_0002.jpg"


def test_a_folder_or_its_parent(cache, tmp_path, fetched):
    check(load_caltech256(write_tree(tmp_path)))
    check(load_caltech256(tmp_path))
    assert find_caltech256() is None
    assert fetched == []


def test_clutter_is_told_and_so_is_that_of_caltech_101(tmp_path):
    expected = "1 folder of clutter, 1 image in folders inside a class (056.dog/greg)"
    (note,) = load_caltech256(write_tree(tmp_path)).notes
    assert note == f"left out: 1 .txt, 1 file without an ending, {expected}"
    (tmp_path / FOLDER / "257.clutter").rename(tmp_path / FOLDER / "BACKGROUND_Google")
    dataset = load_folder(tmp_path)
    assert dataset.class_names == CLASSES[:3]
    assert expected in dataset.notes[1]


def test_downloaded_checked_and_unpacked(cache, fetched, monkeypatch):
    check(load_caltech256())
    check(load_caltech256())
    archive = cache / f"{FOLDER}.tar"
    official = (caltech256.URL, archive, "md5:67b4f42ca05d46448c6bb8ecd2220f6d", 1_183_006_720)
    assert fetched == [official]
    folder = cache / "md5-67b4f42ca05d46448c6b" / FOLDER
    assert find_caltech256() == folder
    assert list(cache.iterdir()) == [folder.parent]
    assert (folder / "056.dog" / "greg" / "notes.txt").is_file()
    assert problems(folder) == []
    write_tar(archive)
    monkeypatch.setattr(caltech256, "HASH", f"md5:{file_hash(archive, 'md5')[:8]}")
    folder.parent.rename(folder.parent.with_name(f"md5-{caltech256.HASH[4:]}"))
    check(load_caltech256())
    assert not archive.exists(), "as a process leaves it that was killed before it removed it"


def test_a_folder_by_that_name_is_not_taken(cache, fetched):
    write_tree(cache)
    assert find_caltech256() is None
    check(load_caltech256())
    assert len(fetched) == 1


def test_each_archive_has_its_own_images(cache, fetched, tmp_path, monkeypatch):
    first = write_tar(tmp_path / "first.tar")
    check(load_caltech256(first))
    second = write_tar(tmp_path / "second.TAR", **{"198_0002": "other"})
    dataset = load_caltech256(second)
    assert dataset.read(dataset.ids[5]) == b"other"
    check(load_caltech256(first))
    assert len(list(cache.iterdir())) == 2
    assert find_caltech256() is None
    monkeypatch.setattr(caltech256, "HASH", f"md5:{file_hash(second, 'md5')}")
    monkeypatch.setattr(caltech256, "SIZE", second.stat().st_size)
    load_caltech256(second)
    assert load_caltech256().read(dataset.ids[5]) == b"other", "the one at the address, by hand"
    assert second.is_file()
    assert fetched == []


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_removed_image_is_unpacked_again(cache, fetched, tmp_path, by_hand, capsys):
    archive = write_tar(tmp_path / "some.tar") if by_hand else None
    load_caltech256(archive)
    (image,) = cache.rglob("056_0002.jpg")
    image.unlink()
    assert find_caltech256() is None
    assert problems(image.parents[1]) == [f"{image} is missing"]
    check(load_caltech256(archive))
    assert f"{FOLDER} lacks 1 of its files: it is unpacked again" in capsys.readouterr().err
    assert len(fetched) == 2 * (not by_hand)
    assert len(list(cache.iterdir())) == 1


def test_a_foreign_file_is_named_and_stays(cache, fetched):
    load_caltech256()
    (image,) = cache.rglob("056_0002.jpg")
    image.with_name("mine.jpg").touch()
    for load in (load_caltech256, find_caltech256):
        with pytest.raises(DataError, match=r"doesn't belong there: 056\.dog/mine\.jpg; move it"):
            load()
    assert image.with_name("mine.jpg").exists()


def test_without_a_network(cache, monkeypatch):
    asked = []

    def problem(url, timeout):
        asked.append(url)
        return "cannot be reached"

    monkeypatch.setattr(vggjax.download, "url_problem", problem)
    with pytest.raises(VggjaxError, match="cannot be reached"):
        load_caltech256()
    assert asked == [caltech256.URL]
    assert find_caltech256() is None


def test_what_looks_like_it(tmp_path):
    assert caltech256.looks_like_caltech256(write_tree(tmp_path / "whole"))
    assert caltech256.looks_like_caltech256(tmp_path / "whole")
    for number in range(200):
        (tmp_path / "many" / f"{number:03d}.thing").mkdir(parents=True)
    assert caltech256.looks_like_caltech256(tmp_path / "many")
    (tmp_path / "many" / "007.thing").rmdir()
    assert not caltech256.looks_like_caltech256(tmp_path / "many")
    assert not caltech256.looks_like_caltech256(tmp_path / "absent")
