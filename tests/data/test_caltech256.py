import io
import tarfile
from pathlib import Path

import pytest

import vggjax.download
from vggjax.data import caltech256, load_folder
from vggjax.data.caltech256 import (
    FOLDER,
    find_caltech256,
    load_caltech256,
    unpack_tar,
)
from vggjax.errors import DataError, VggjaxError

STRAYS = ("198.spider/RENAME2", "056.dog/greg/notes.txt", "056.dog/greg/056_9999.jpg")
CLASSES = ("001.ak47", "056.dog", "198.spider", "257.clutter")


def write_tree(folder: Path) -> Path:
    files = [f"{kind}/{kind[:3]}_{n:04d}.jpg" for kind in CLASSES for n in (1, 2)]
    for name in (*files, *STRAYS):
        path = folder / FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder / FOLDER


def write_tar(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as tar:
        tar.add(write_tree(path.parent / "tree"), arcname=FOLDER)
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = 1 if kind == tarfile.REGTYPE else 0
    return info


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("VGGJAX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "caltech256" / FOLDER


def check(dataset) -> None:
    assert dataset.name == "caltech256"
    assert dataset.class_names == CLASSES[:3]
    assert len(dataset) == 6
    assert dataset.ids[2:4] == ("056.dog/056_0001.jpg", "056.dog/056_0002.jpg")
    assert dataset.read(dataset.ids[5]) == b"198.spider/198_0002.jpg"


def test_a_folder_its_parent_or_the_one_in_the_cache(cache, tmp_path, monkeypatch):
    monkeypatch.setattr(vggjax.download, "download", None)
    check(load_caltech256(write_tree(tmp_path)))
    check(load_caltech256(tmp_path))
    assert find_caltech256() is None
    write_tree(cache.parent)
    assert find_caltech256() == cache
    check(load_caltech256())


def test_clutter_is_told_and_so_is_that_of_caltech_101(tmp_path):
    expected = "1 folder of clutter, 1 image in folders inside a class (056.dog/greg)"
    (note,) = load_caltech256(write_tree(tmp_path)).notes
    assert note == f"left out: 1 .txt, 1 file without an ending, {expected}"
    (tmp_path / FOLDER / "257.clutter").rename(tmp_path / FOLDER / "BACKGROUND_Google")
    dataset = load_folder(tmp_path)
    assert dataset.class_names == CLASSES[:3]
    assert expected in dataset.notes[1]


def test_downloaded_checked_and_unpacked(cache, tmp_path, monkeypatch):
    asked = []

    def download(url: str, target: Path, known_hash: str, size: int) -> Path:
        asked.append((url, known_hash, size))
        target.parent.mkdir(parents=True)
        return write_tar(tmp_path / "made.tar").rename(target)

    monkeypatch.setattr(vggjax.download, "download", download)
    check(load_caltech256())
    check(load_caltech256())
    assert asked == [(caltech256.URL, "md5:67b4f42ca05d46448c6bb8ecd2220f6d", 1_183_006_720)]
    assert [entry.name for entry in cache.parent.iterdir()] == [FOLDER]
    assert (cache / "056.dog" / "greg" / "notes.txt").is_file()


def test_archive_given_as_a_file(cache, tmp_path):
    archive = write_tar(tmp_path / f"{FOLDER}.tar")
    check(load_caltech256(archive))
    assert archive.is_file()
    assert find_caltech256() == cache


def test_without_a_network(cache, monkeypatch):
    asked = []
    monkeypatch.setattr(vggjax.download, "url_reachable", lambda url, **_: asked.append(url))
    with pytest.raises(VggjaxError, match="cannot be reached"):
        load_caltech256()
    assert asked == [caltech256.URL]
    assert find_caltech256() is None


MALICIOUS = {
    "parent": member(f"{FOLDER}/../../escaped.jpg"),
    "absolute": member("/vggjax-escaped.jpg"),
    "outside": member("elsewhere/1.jpg"),
    "backslash": member(f"{FOLDER}/..\\escaped.jpg"),
    "symbolic link": member(f"{FOLDER}/001.ak47/link", tarfile.SYMTYPE, "/etc"),
    "hard link": member(f"{FOLDER}/001.ak47/hard.jpg", tarfile.LNKTYPE, "/etc/passwd"),
    "device": member(f"{FOLDER}/001.ak47/null.jpg", tarfile.CHRTYPE),
    "pipe": member(f"{FOLDER}/001.ak47/pipe.jpg", tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("bad", MALICIOUS.values(), ids=MALICIOUS)
def test_malicious_archives_are_refused_whole(bad, tmp_path):
    archive = write_tar(tmp_path / "bad.tar", bad)
    with pytest.raises(DataError, match="unsafe to unpack") as caught:
        unpack_tar(archive, tmp_path / "out" / FOLDER)
    assert repr(bad.name) in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []
    assert not Path("/vggjax-escaped.jpg").exists()


@pytest.mark.parametrize("keep", [0, 100, 3000, -12_000])
def test_damaged_archives_leave_nothing(keep, tmp_path):
    archive = write_tar(tmp_path / "half.tar")
    archive.write_bytes(b"#" * 600 if keep == 100 else archive.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"half\.tar is damaged"):
        unpack_tar(archive, tmp_path / "out" / FOLDER)
    assert not (tmp_path / "out" / FOLDER).exists()


def test_full_disk(tmp_path, monkeypatch):
    def full(*_, **__) -> None:
        raise OSError(28, "No space left on device")

    archive = write_tar(tmp_path / "good.tar")
    monkeypatch.setattr(tarfile.TarFile, "extractall", full)
    with pytest.raises(DataError, match=r"good\.tar to .*: No space left on device"):
        unpack_tar(archive, tmp_path / "out" / FOLDER)
    assert list((tmp_path / "out").iterdir()) == []


def test_what_looks_like_it(tmp_path):
    assert caltech256.looks_like_caltech256(write_tree(tmp_path / "whole"))
    assert caltech256.looks_like_caltech256(tmp_path / "whole")
    for number in range(200):
        (tmp_path / "many" / f"{number:03d}.thing").mkdir(parents=True)
    assert caltech256.looks_like_caltech256(tmp_path / "many")
    (tmp_path / "many" / "007.thing").rmdir()
    assert not caltech256.looks_like_caltech256(tmp_path / "many")
    assert not caltech256.looks_like_caltech256(tmp_path / "absent")
