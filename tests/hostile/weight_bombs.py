"""Small weight files that would take for ever or gigabytes to read, by what they do it with."""

import json
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from pickle_helpers import legacy_file, number, table, tensor, zip_file
from readers import READERS, keras_legacy

RNG = np.random.default_rng(0)


def pickled(content: bytes) -> Callable[[Path], Path]:
    return lambda folder: zip_file(folder / "bomb.pth", b"\x80\x02" + content + b".")


def nested(times: int) -> bytes:
    """The tuple that holds twice the tuple that holds twice …"""
    return b")q\0" + b"h\0\x86q\0" * times


def in_parameter() -> bytes:
    return b"}ctorch._utils\n_rebuild_parameter\n" + nested(40) + b"\x85RNs"


def one_hash() -> bytes:
    """Many numbers whose hash is 0."""
    values = (k * (2**61 - 1) for k in range(1, 40_000))
    return b"}(" + b"".join(number(value) + b"N" for value in values) + b"u"


def dictionaries(width: int) -> bytes:
    """A dictionary that holds one often, which holds one often, …"""
    items = b"".join(number(k) + b"h\7" for k in range(width))
    chain = b"(}q\7" + (b"}(" + items + b"uq\7") * 8 + b"t"
    return b"}" + number("all") + chain + b"s" + number("last") + b"h\7s"


def one_name(folder: Path) -> Path:
    """A tensor whose name is of half a million words."""
    item = {"a." * 500_000: tensor()}
    return zip_file(folder / "bomb.pth", table(**item), {"0": bytes(16)})


def shape(folder: Path) -> Path:
    axes = (2**62,) * 100_000
    return zip_file(
        folder / "bomb.pth", table(a=tensor(shape=axes, strides=axes)), {"0": bytes(16)}
    )


def entries(folder: Path) -> Path:
    """A zip of so many members that their list takes long."""
    path = zip_file(folder / "bomb.pth", table(a=tensor()), {"0": bytes(16)})
    content = path.read_bytes()
    place = content.rindex(b"PK\5\6")
    start = struct.unpack_from("<I", content, place + 16)[0]
    one = content[start:place]
    rest = content[:start] + one * 300_000
    end = struct.pack(
        "<4s4HIIH", b"PK\5\6", 0, 0, 2**16 - 1, 2**16 - 1, len(one) * 300_000, start, 0
    )
    path.write_bytes(rest + end)
    return path


def hollow(folder: Path) -> Path:
    with h5py.File(folder / "bomb.h5", "w") as file:
        for n in range(2500):
            file.create_dataset(f"layers/d{n}/vars/0", (500, 500), "f4", chunks=(500, 500))
    return folder / "bomb.h5"


def large_chunk(folder: Path) -> Path:
    with h5py.File(folder / "bomb.h5", "w") as file:
        options = {"chunks": (2**14, 2**15), "maxshape": (None, None), "compression": "gzip"}
        data = file.create_dataset("layers/d/vars/0", (3, 3), "f4", **options)
        data.id.write_direct_chunk((0, 0), b"x" * 1000)
    return folder / "bomb.h5"


def names(folder: Path) -> Path:
    """One layer that is named very often."""
    with h5py.File(folder / "bomb.h5", "w") as file:
        file.attrs["layer_names"] = np.array([b"d"] * 60_000)
        file.create_group("d").attrs["weight_names"] = np.array([b"w"] * 30_000)
        file["d/w"] = np.ones((2, 2), "f4")
    return folder / "bomb.h5"


def deep_groups(folder: Path) -> Path:
    with h5py.File(folder / "bomb.h5", "w") as file:
        group = file
        for _ in range(5000):
            group = group.create_group("g")
    return folder / "bomb.h5"


def links(folder: Path) -> Path:
    """A soft link that leads to itself, and one to a file that isn't there."""
    with h5py.File(folder / "bomb.h5", "w") as file:
        file.attrs["layer_names"] = [b"d"]
        file.create_group("d").attrs["weight_names"] = [b"w"]
        file["d/w"] = h5py.SoftLink("/d/w")
        file["e"] = h5py.ExternalLink("/dev/stdin", "/")
    return folder / "bomb.h5"


def pipe(folder: Path) -> Path:
    """A link to a pipe, from which nothing ever comes."""
    os.mkfifo(folder / "pipe")
    with h5py.File(folder / "bomb.h5", "w") as file:
        file["model_weights"] = h5py.ExternalLink(str(folder / "pipe"), "/")
    return folder / "bomb.h5"


def heap(folder: Path) -> Path:
    """A heap with a free piece of no size, at which HDF5's own library never ends."""
    path = keras_legacy(folder, RNG)
    content = bytearray(path.read_bytes())
    start = content.index(b"GCOL\1")
    place = start + 16
    while (piece := struct.unpack_from("<H6xQ", content, place))[0]:
        place += 16 + -(-piece[1] // 8) * 8
    content[place + 8 : place + 16] = bytes(8)
    path.write_bytes(content)
    return path


def nested_json(folder: Path) -> Path:
    with h5py.File(keras_legacy(folder, RNG), "a") as file:
        file.attrs["model_config"] = "[" * 100_000
    return folder / "legacy.h5"


def long_words(folder: Path) -> Path:
    """What would be said of it has millions of characters, and orders for the terminal."""
    with h5py.File(folder / "bomb.h5", "w") as file:
        name = "\x1b[31m" + "x" * 10**6
        file.attrs.create("layer_names", [name], dtype=h5py.string_dtype())
    return folder / "bomb.h5"


def sparse(folder: Path) -> Path:
    path = READERS[-3].make(folder, RNG)
    with path.open("r+b") as file:
        file.truncate(10**13)
    return path


def safetensors_header(count: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
        header = json.dumps({f"t{n}": entry for n in range(count)}).encode()
        (folder / "bomb.st").write_bytes(len(header).to_bytes(8, "little") + header)
        return folder / "bomb.st"

    return make


def overlapping(folder: Path) -> Path:
    """A zip whose members are all the same place."""
    with zipfile.ZipFile(folder / "bomb.pth", "w") as archive:
        storages = {str(n): tensor(10**6, shape=(10**6,), key=str(n)) for n in range(2000)}
        archive.writestr("archive/data.pkl", table(**storages))
        archive.writestr("archive/data/0", bytes(4 * 10**6))
        first = archive.getinfo("archive/data/0")
        for n in range(1, 2000):
            other = zipfile.ZipInfo(f"archive/data/{n}")
            other.file_size = other.compress_size = first.file_size
            other.header_offset, other.CRC = first.header_offset, first.CRC
            archive.filelist.append(other)
        archive._didModify = True
    return folder / "bomb.pth"


BOMBS: dict[str, Callable[[Path], Path]] = {
    "a key of nested tuples": pickled(b"}" + nested(40) + b"Ns"),
    "keys of nested tuples, several at once": pickled(b"}(" + nested(40) + b"Nu"),
    "a key from a parameter": pickled(in_parameter()),
    "a key nested deeply": pickled(b"})" + b"\x85" * 500_000 + b"Ns"),
    "a set of nested tuples": pickled(b"cbuiltins\nset\n]" + nested(40) + b"a\x85R"),
    "keys of one hash": pickled(one_hash()),
    "instructions": pickled(b"(" + b"}" * 15_000_000 + b"t"),
    "dictionaries": pickled(dictionaries(60)),
    "legacy": lambda folder: legacy_file(folder / "bomb.pth", b"\x80\x02}" + nested(40) + b"Ns."),
    "a name of many words": one_name,
    "axes": shape,
    "members": entries,
    "members in one place": overlapping,
    "hollow data sets": hollow,
    "a large chunk": large_chunk,
    "names": names,
    "groups in groups": deep_groups,
    "links": links,
    "a link to a pipe": pipe,
    "a heap without an end": heap,
    "nested JSON": nested_json,
    "long words": long_words,
    "a sparse file": sparse,
    "many tensors": safetensors_header(100_000),
    "a header of many megabytes": safetensors_header(400_000),
}
