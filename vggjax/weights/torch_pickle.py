"""Reads PyTorch's `.pth` files, the zip format and the older one, without PyTorch.

Returns arrays by their names in a state dict. Where a file holds several, the caller chooses among
them, so that no other is read; this module knows no model.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from vggjax.errors import WeightsError
from vggjax.weights.bounds import check_total
from vggjax.weights.safe_pickle import Storage, Tensor, load_pickle
from vggjax.weights.search import tables_in
from vggjax.weights.zips import member, opened

Choose = Callable[[list[dict[str, Tensor]]], dict[str, Tensor]]  # among the tables in a file
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_PICKLE = "/data.pkl"


def read_torch_zip(path: Path, choose: Choose) -> dict[str, np.ndarray]:
    """The tensors of a file by `torch.save` since 1.6; WeightsError if it has no state dict."""
    with opened(path) as archive:
        names = archive.namelist()
        root = next(name for name in names if name.endswith(_PICKLE)).removesuffix(_PICKLE)
        if f"{root}/constants.pkl" in names:
            raise WeightsError(f"{path} is a TorchScript program; save `model.state_dict()`.")
        order = f"{root}/byteorder"
        _check_byte_order(order not in names or member(archive, order, path) == b"little", path)
        tree, _ = load_pickle(io.BytesIO(member(archive, root + _PICKLE, path)), path)
        tensors = _state_dict(tree, path, choose)
        keys = {tensor.storage.key for tensor in tensors.values()}
        check_total(sum(archive.getinfo(f"{root}/data/{key}").file_size for key in keys), path)
        content = {key: member(archive, f"{root}/data/{key}", path) for key in keys}
    return _views(tensors, content)


def read_torch_legacy(path: Path, choose: Choose) -> dict[str, np.ndarray]:
    """The tensors of a file by an older `torch.save`; WeightsError if it has no state dict."""
    with path.open("rb") as file:
        magic, _ = load_pickle(file, path)
        if magic != LEGACY_MAGIC:
            raise WeightsError(
                f"{path} is a Python pickle that torch.save did not write; "
                "save `model.state_dict()` with torch.save."
            )
        load_pickle(file, path)  # protocol version
        system, _ = load_pickle(file, path)
        _check_byte_order(system.get("little_endian") is True, path)
        tree, storages = load_pickle(file, path)
        keys, _ = load_pickle(file, path)
        if sorted(keys) != sorted(storages):
            raise ValueError("storages that no tensor has, or none")
        tensors = _state_dict(tree, path, choose)
        needed = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
        check_total(sum(each.total * each.dtype.itemsize for each in needed.values()), path)
        content = {key: _legacy_storage(file, storages[key], path, key in needed) for key in keys}
    return _views(tensors, content)


def _check_byte_order(little: bool, path: Path) -> None:
    if not little:
        raise WeightsError(f"{path} was written on a big-endian machine; save it on another.")


def _legacy_storage(file: BinaryIO, storage: Storage, path: Path, needed: bool) -> bytes:
    """The bytes of the next storage in the file; they are only passed over unless `needed`."""
    count = int.from_bytes(file.read(8), "little")
    size = count * storage.dtype.itemsize
    if count != storage.total or size > path.stat().st_size - file.tell():
        raise WeightsError(f"{path} is truncated or damaged; get the file again.")
    if not needed:
        file.seek(size, io.SEEK_CUR)
        return b""
    return file.read(size)


def _state_dict(tree: Any, path: Path, choose: Choose) -> dict[str, Tensor]:
    """The table of tensors to read, wherever it is in the tree."""
    if isinstance(tree, dict) and {*tree} == {"state", "param_groups"}:
        raise WeightsError(
            f"{path} holds an optimizer's state, not a network's; save `model.state_dict()`."
        )
    tables = tables_in(tree, Tensor)
    if not tables:
        raise WeightsError(f"{path} holds no state dict; save `model.state_dict()` to it.")
    return choose(tables)


def _views(tensors: dict[str, Tensor], content: dict[str, bytes]) -> dict[str, np.ndarray]:
    """The tensors as arrays, given the bytes of each storage; several may share one."""
    return {name: tensor.view(content[tensor.storage.key]) for name, tensor in tensors.items()}
