"""Reads PyTorch's `.pth` files, the zip format and the older one, without PyTorch.

Returns arrays by their names in the state dict; knows no model.
"""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from vggjax.errors import WeightsError
from vggjax.weights.safe_pickle import Storage, Tensor, load_pickle

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_PICKLE = "/data.pkl"
_LARGEST_PICKLE = 16 * 2**20  # bytes; a state dict's is a few thousand


def read_torch_zip(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a file by `torch.save` since 1.6; WeightsError if it is no state dict."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        root = next(name for name in names if name.endswith(_PICKLE)).removesuffix(_PICKLE)
        if f"{root}/constants.pkl" in names:
            raise WeightsError(f"{path} is a TorchScript program; save `model.state_dict()`.")
        if (
            f"{root}/byteorder" in names
            and _member(archive, f"{root}/byteorder", path) != b"little"
        ):
            raise WeightsError(f"{path} was written on a big-endian machine; save it on another.")
        pickled = _member(archive, root + _PICKLE, path, most=_LARGEST_PICKLE)
        tree, _, _ = load_pickle(pickled, path)
        return _arrays(tree, lambda item: _zip_storage(archive, root, item, path), path)


def read_torch_legacy(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a file by an older `torch.save`; WeightsError if it is no state dict."""
    with path.open("rb") as file:
        magic, _ = _next_pickle(file, path)
        if magic != LEGACY_MAGIC:
            raise WeightsError(
                f"{path} is a Python pickle that torch.save did not write; "
                "save `model.state_dict()` with torch.save."
            )
        _next_pickle(file, path)  # protocol version
        system, _ = _next_pickle(file, path)
        if system.get("little_endian") is not True:
            raise WeightsError(f"{path} was written on a big-endian machine; save it on another.")
        tree, storages = _next_pickle(file, path)
        keys, _ = _next_pickle(file, path)
        content = {key: _legacy_storage(file, storages[key], path) for key in keys}
    return _arrays(tree, lambda item: content[item.key], path)


def _next_pickle(file: BinaryIO, path: Path) -> tuple[Any, dict[str, Storage]]:
    start = file.tell()
    tree, storages, length = load_pickle(file.read(_LARGEST_PICKLE), path)
    file.seek(start + length)
    return tree, storages


def _zip_storage(archive: zipfile.ZipFile, root: str, storage: Storage, path: Path) -> bytes:
    content = _member(archive, f"{root}/data/{storage.key}", path)
    if len(content) < storage.count * storage.dtype.itemsize:
        raise _truncated(path)
    return content


def _member(archive: zipfile.ZipFile, name: str, path: Path, most: int | None = None) -> bytes:
    """One member's bytes; its size is checked before any memory is reserved."""
    member = archive.getinfo(name)
    if member.compress_type != zipfile.ZIP_STORED:
        raise WeightsError(f"{path} is compressed, as PyTorch never writes it; save it again.")
    if member.file_size > min(most or path.stat().st_size, path.stat().st_size):
        raise WeightsError(f"{path} is damaged: {name} claims {member.file_size:,} bytes.")
    return archive.read(member)


def _legacy_storage(file: BinaryIO, storage: Storage, path: Path) -> bytes:
    count = int.from_bytes(file.read(8), "little")
    size = count * storage.dtype.itemsize
    if count != storage.count or size > os.fstat(file.fileno()).st_size - file.tell():
        raise _truncated(path)
    return file.read(size)


def _arrays(tree: Any, read: Callable[[Storage], bytes], path: Path) -> dict[str, np.ndarray]:
    """The state dict in `tree`, read storage by storage; several tensors may share one."""
    buffers: dict[str, bytes] = {}
    arrays = {}
    for name, tensor in _state_dict(tree, path).items():
        key = tensor.storage.key
        if key not in buffers:
            buffers[key] = read(tensor.storage)
        arrays[name.removeprefix("module.")] = tensor.view(buffers[key])
    return arrays


def _state_dict(tree: Any, path: Path) -> dict[str, Tensor]:
    table = tree.get("state_dict", tree) if isinstance(tree, dict) else tree
    items = table.items() if isinstance(table, dict) else ()
    tensors = {key: item for key, item in items if type(key) is str and type(item) is Tensor}
    if not tensors:
        raise WeightsError(f"{path} holds no state dict; save `model.state_dict()` to it.")
    return tensors


def _truncated(path: Path) -> WeightsError:
    return WeightsError(f"{path} is truncated or damaged; get the file again.")
