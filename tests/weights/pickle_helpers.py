"""PyTorch's files made by hand, with anything in them."""

import pickle
import zipfile

import numpy as np

from vggjax.weights.torch_pickle import LEGACY_MAGIC

TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"
FLOATS = b"ctorch\nFloatStorage\n"


def number(value):
    """The instructions that make a number, a text or a tuple of them."""
    return pickle.dumps(value, 2)[2:-1]


def tensor(count=4, offset=0, shape=(4,), strides=(1,), storage=FLOATS, key="0", view=None):
    """The instructions that make a tensor with any sizes whatever."""
    place = b"".join(map(number, (key, "cpu", count, view)))
    sizes = b"".join(map(number, (offset, shape, strides)))
    return TENSOR + b"((" + number("storage") + storage + place + b"tQ" + sizes + b"tR"


def table(**tensors):
    """The pickle of a dictionary of tensors."""
    items = (number(name) + instructions + b"s" for name, instructions in tensors.items())
    return b"\x80\x02}" + b"".join(items) + b"."


def zip_file(path, pickled, storages=None, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickled)
        for key, content in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", content)
    return path


def legacy_file(path, pickled, storages=None):
    """`storages` are bytes of float32, as all in this format preceded by their number."""
    storages = storages or {}
    header = (LEGACY_MAGIC, 1001, {"little_endian": True})
    content = b"".join(pickle.dumps(item, 2) for item in header) + pickled
    content += pickle.dumps(list(storages), 2)
    for numbers in storages.values():
        content += np.int64(len(numbers) // 4).tobytes() + numbers
    path.write_bytes(content)
    return path
