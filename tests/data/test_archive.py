"""Archives that nobody vouches for: unpacked whole and nowhere else, or refused in a sentence."""

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from vggjax.checksums import list_of, problems
from vggjax.data import archive as archives
from vggjax.data.caltech256 import FOLDER, unpack_tar
from vggjax.errors import DataError

GOOD = {f"{FOLDER}/00{n}.class/00{n}_0001.jpg": f"image {n}".encode() for n in (1, 2)}


def member(name, kind=tarfile.REGTYPE, link="", size=1, **more):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = size if kind == tarfile.REGTYPE else 0
    for key, value in more.items():
        setattr(info, key, value)
    return info


def write(path, *members, good=GOOD):
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in good.items():
            tar.addfile(member(name, size=len(content)), io.BytesIO(content))
        for info in members:
            tar.addfile(info, io.BytesIO(b"x" * info.size))
    return path


@pytest.fixture
def target(tmp_path):
    """Where the archive goes, as in the cache: the name of its content, and the folder."""
    return tmp_path / "out" / "md5-12" / FOLDER


def refuses(path, target, message):
    with pytest.raises(DataError, match=message) as caught:
        unpack_tar(path, target)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert not target.parent.parent.exists() or list(target.parent.parent.iterdir()) == []
    return str(caught.value)


def test_unpacked_with_checksums_beside(tmp_path, target):
    path = write(tmp_path / "a.tar", member(f"{FOLDER}/003.empty", tarfile.DIRTYPE))
    unpack_tar(path, target)
    found = {f"{FOLDER}/{p.relative_to(target).as_posix()}": p for p in target.rglob("*.jpg")}
    assert {name: file.read_bytes() for name, file in found.items()} == GOOD
    assert (target / "003.empty").is_dir()
    assert sorted(target.parent.iterdir()) == [target, list_of(target)]
    assert problems(target) == []
    (target / "001.class" / "001_0001.jpg").write_bytes(b"other")
    assert problems(target) == [f"{target}/001.class/001_0001.jpg is damaged"]
    unpack_tar(path, target)
    assert problems(target) == []


UNSAFE = {
    "parent": member(f"{FOLDER}/../../escaped.jpg"),
    "absolute": member("/vggjax-escaped.jpg"),
    "outside": member("elsewhere/1.jpg"),
    "backslash": member(f"{FOLDER}/..\\escaped.jpg"),
    "symbolic link": member(f"{FOLDER}/001.ak47/link", tarfile.SYMTYPE, "/etc"),
    "hard link": member(f"{FOLDER}/001.ak47/hard.jpg", tarfile.LNKTYPE, "/etc/passwd"),
    "device": member(f"{FOLDER}/001.ak47/null.jpg", tarfile.CHRTYPE),
    "pipe": member(f"{FOLDER}/001.ak47/pipe.jpg", tarfile.FIFOTYPE),
    "the folder as a file": member(FOLDER),
    "no name": member("."),
    "again": member(f"{FOLDER}/001.class/001_0001.jpg"),
    "file as folder": member(f"{FOLDER}/001.class/001_0001.jpg/1.jpg"),
    "folder as file": member(f"{FOLDER}/001.class"),
    "deep": member(f"{FOLDER}/{'d/' * 2500}1.jpg"),
    "line end": member(f"{FOLDER}/a\nb.jpg"),
    "escape code": member(f"{FOLDER}/\x1b[31m.jpg"),
    "NUL": member(f"{FOLDER}/a.jpg", pax_headers={"path": f"{FOLDER}/a\0b.jpg"}),
    "sparse": member(
        f"{FOLDER}/holes.jpg",
        pax_headers={"GNU.sparse.size": "1", "GNU.sparse.map": "0,1"},
    ),
}


@pytest.mark.parametrize("bad", UNSAFE.values(), ids=UNSAFE)
def test_unsafe_archives_are_refused_whole(bad, tmp_path, target):
    message = refuses(write(tmp_path / "bad.tar", bad), target, "unsafe to unpack")
    assert repr(bad.pax_headers.get("path", bad.name)[:50])[1:-1] in message
    assert not Path("/vggjax-escaped.jpg").exists()


def test_names_that_some_disks_take_for_one(tmp_path, target):
    """They are two files, or where they can't be, nothing is overwritten."""
    names = ["caf\u00e9", "cafe\u0301", "CAF\u00c9"]
    members = [member(f"{FOLDER}/001.class/{name}.jpg") for name in names]
    if os.path.exists(str(tmp_path).upper()):  # noqa: PTH110
        refuses(write(tmp_path / "a.tar", *members), target, "Cannot unpack")
    else:
        unpack_tar(write(tmp_path / "a.tar", *members), target)
        assert len(list((target / "001.class").glob("[cC]*"))) == 3


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e400", "-1e30", "x"])
def test_odd_times_do_not_matter(tmp_path, target, value):
    odd = member(f"{FOLDER}/001.class/odd.jpg", pax_headers={"mtime": value, "atime": value})
    unpack_tar(write(tmp_path / "a.tar", odd), target)
    assert (target / "001.class" / "odd.jpg").read_bytes() == b"x"


@pytest.mark.parametrize("keep", [0, 100, 600, 1200, -12_000, -10_240 + 512 * 4])
def test_damaged_archives_leave_nothing(keep, tmp_path, target):
    path = write(tmp_path / "half.tar")
    path.write_bytes(b"#" * 600 if keep == 100 else path.read_bytes()[:keep])
    refuses(path, target, r"half\.tar is damaged")


def test_every_flipped_byte_of_a_header_is_noticed_or_does_not_matter(tmp_path, target):
    """Of each of two members; that tarfile takes a damaged header for the end is the trap."""
    content = bytearray(write(tmp_path / "a.tar").read_bytes())
    for place in (*range(0, 512, 7), *range(1024, 1536, 7)):
        content[place] ^= 0x11
        (tmp_path / "b.tar").write_bytes(content)
        refuses(tmp_path / "b.tar", target, "damaged")
        content[place] ^= 0x11


def raw_size(path, size: bytes):
    """The first member's size, as it stands in the header, with the checksum made right."""
    content = bytearray(path.read_bytes())
    content[124:136] = size
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "size",
    [
        (2**40).to_bytes(12, "big").replace(b"\0", b"\x80", 1),
        b"\xff" * 12,
        b"\xff" * 10 + b"\xfc\0",
        b"77777777777\0",
    ],
    ids=["2**40", "-1", "-1024", "8 GiB"],
)
def test_sizes_that_are_not_true(tmp_path, target, size):
    refuses(raw_size(write(tmp_path / "a.tar"), size), target, "damaged")


@pytest.mark.parametrize(
    "headers", [{"size": str(2**50)}, {"GNU.sparse.size": str(2**40), "GNU.sparse.map": "0,1"}]
)
def test_a_size_in_a_pax_header(tmp_path, target, headers):
    lying = member(f"{FOLDER}/001.class/lying.jpg", pax_headers=headers)
    refuses(write(tmp_path / "a.tar", lying), target, "damaged")


def header(kind: bytes, size: int) -> bytes:
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_headers_are_small(tmp_path, target, kind):
    path = tmp_path / "a.tar"
    with path.open("wb") as file:
        file.write(header(kind, 2**33))
        file.truncate(2**34)  # takes no room
    refuses(path, target, "damaged .it has headers of absurd size")


def test_headers_are_few(tmp_path, target, monkeypatch):
    (tmp_path / "a.tar").write_bytes(5000 * header(b"x", 0))
    refuses(tmp_path / "a.tar", target, "damaged")
    path = tmp_path / "b.tar"
    with tarfile.open(path, "w", pax_headers={f"k{n}": "v" for n in range(2000)}) as tar:
        tar.addfile(member(f"{FOLDER}/1.jpg"), io.BytesIO(b"x"))
    refuses(path, target, "damaged .it has headers of absurd size")
    monkeypatch.setattr(archives, "_MOST_HEADERS", 2000)
    monkeypatch.setattr(archives._Headers, "left", 2000)
    refuses(write(tmp_path / "c.tar"), target, "damaged")


def test_not_too_much(tmp_path, target, monkeypatch):
    monkeypatch.setattr(archives, "_MOST_MEMBERS", 30)
    empty = [member(f"{FOLDER}/001.class/{n}.jpg", size=0) for n in range(40)]
    refuses(write(tmp_path / "a.tar", *empty), target, "holds more than 30 files")
    monkeypatch.setattr(archives, "_LARGEST", 1000)
    large = member(f"{FOLDER}/001.class/large.jpg", size=2000)
    refuses(write(tmp_path / "b.tar", large), target, "holds a file of 2,000 bytes: no image")


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_archives(tmp_path, target, compress):
    path = write(tmp_path / "a.tar")
    path.write_bytes(compress(path.read_bytes()))
    refuses(path, target, r"is compressed \((gzip|bzip2|xz)\); uncompress it first")


def test_archives_without_images(tmp_path, target):
    (tmp_path / "zeros.tar").write_bytes(bytes(10_240))
    write(tmp_path / "texts.tar", good={f"{FOLDER}/a.txt": b"text"})
    for name in ("zeros", "texts"):
        refuses(tmp_path / f"{name}.tar", target, r"holds no images in a folder 256_Obj")


def test_a_full_disk(tmp_path, target, monkeypatch):
    def full(*_) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives, "line_of", full)
    refuses(write(tmp_path / "good.tar"), target, r"good\.tar to .*: No space left on device")


def test_a_name_that_is_too_long_for_the_disk(tmp_path, target):
    path = write(tmp_path / "a.tar", member(f"{FOLDER}/{'n' * 300}.jpg"))
    refuses(path, target, "Cannot unpack .*: File name too long")


UNPACKS = """
import sys
from pathlib import Path
from vggjax.data.caltech256 import load_caltech256
print(len(load_caltech256(Path(sys.argv[1]))))
"""


def start(archive):
    command = [sys.executable, "-c", UNPACKS, str(archive)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def many(tmp_path, monkeypatch):
    """An archive that takes a moment, and the cache that it is unpacked into."""
    monkeypatch.setenv("VGGJAX_CACHE", str(tmp_path / "cache"))
    names = [f"{FOLDER}/{n % 20:03d}.class/{n:05d}.jpg" for n in range(8000)]
    return write(tmp_path / "many.tar", good={name: name.encode() for name in names})


def unpacked(tmp_path):
    """The one folder in the cache, and the number of its files."""
    (folder,) = (tmp_path / "cache" / "caltech256").iterdir()
    assert problems(folder / FOLDER) == []
    return folder, sum(path.is_file() for path in folder.rglob("*.jpg"))


@pytest.mark.slow
def test_of_two_processes_one_unpacks(tmp_path, many):
    programs = [start(many), start(many)]
    texts = [program.communicate() for program in programs]
    assert [out for out, _ in texts] == ["8000\n", "8000\n"], texts
    assert unpacked(tmp_path)[1] == 8000
