"""Reads weights that Keras wrote: HDF5 in the legacy layout and Keras 3's, and `.keras` archives.

Returns arrays named `layer/weight`, in the order of the layers, and what else the file states.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from vggjax.errors import WeightsError
from vggjax.weights.stated import Stated, stated

_WEIGHTS_MEMBER, _MODEL_MEMBER = "model.weights.h5", "config.json"  # inside a .keras archive
_NEVER_COMPRESSED = 2**20  # bytes that a data set may claim whatever it stores
_MOST_COMPRESSED = 4  # float weights never shrink by more


def read_keras_archive(path: Path) -> tuple[dict[str, np.ndarray], Stated]:
    """The weights in a Keras 3 `.keras` archive; WeightsError if it is compressed."""
    with zipfile.ZipFile(path) as archive:
        for name in {_WEIGHTS_MEMBER, _MODEL_MEMBER} & {*archive.namelist()}:
            member = archive.getinfo(name)
            if member.compress_type != zipfile.ZIP_STORED or member.file_size > path.stat().st_size:
                raise WeightsError(
                    f"{path} is compressed, as Keras never writes it; unpack it first."
                )
        tensors, _ = read_keras_h5(path, io.BytesIO(archive.read(_WEIGHTS_MEMBER)))
        model = archive.read(_MODEL_MEMBER) if _MODEL_MEMBER in archive.namelist() else None
        return tensors, stated(model, None, version="3")


def read_keras_h5(
    path: Path, content: io.BytesIO | None = None
) -> tuple[dict[str, np.ndarray], Stated]:
    """The weights in an HDF5 file by Keras 1, 2 or 3; WeightsError if there are none.

    `content` is that file if it is only a part of the one at `path`.
    """
    import h5py

    with h5py.File(content or path, "r") as file:
        root = file.get("model_weights", file)
        datasets: dict[str, Any] = {}
        for name, address in _legacy(root) if "layer_names" in root.attrs else _keras3(root):
            datasets[address if name in datasets else name] = root[address]
        if not datasets:
            raise WeightsError(f"{path} is an HDF5 file without Keras weights.")
        tensors = {
            name: _array(dataset, file, path)
            for name, dataset in datasets.items()
            if dataset.dtype.kind in "fV" or dataset.ndim > 1  # seeds and counters are no weights
        }
        return tensors, _stated(file, root)


def _stated(file: Any, root: Any) -> Stated:
    """What the attributes say, which Keras puts at the file's root or at that of the weights."""
    attributes = {**file.attrs, **root.attrs}
    model, backend, version = (
        _texts([attributes[name]])[0] if name in attributes else None
        for name in ("model_config", "backend", "keras_version")
    )
    return stated(model, backend, version or "")


def _legacy(root: Any) -> Iterator[tuple[str, str]]:
    """Each weight as `layer/weight`, and its address in the file."""
    for layer in _texts(root.attrs["layer_names"]):
        names = _texts(root[layer].attrs["weight_names"])
        for name in names:
            parts = name.split("/")
            # A group of more than a kernel and a bias is a model within the model.
            owner = parts[-2] if len(names) > 2 and len(parts) > 1 else layer
            yield f"{owner}/{parts[-1]}", f"{layer}/{name}"


def _keras3(root: Any) -> Iterator[tuple[str, str]]:
    nodes: dict[str, Any] = {}
    root.visititems(nodes.__setitem__)
    for address in sorted(nodes, key=natural_order):
        folder, _, index = f"/{address}".rpartition("/")
        if not folder.endswith("/vars") or address.startswith("optimizer/"):
            continue
        # Newer files note the layer's name, older ones have only its class's, numbered in order.
        layer = nodes[address].parent.attrs.get("name") or folder.split("/")[-2]
        yield f"{layer}/{index}", address


def _array(dataset: Any, file: Any, path: Path) -> np.ndarray:
    if dataset.file.filename != file.filename or dataset.external or dataset.is_virtual:
        raise WeightsError(f"{path} refers to another file for {dataset.name}; save it whole.")
    if dataset.nbytes > _MOST_COMPRESSED * dataset.id.get_storage_size() + _NEVER_COMPRESSED:
        raise WeightsError(
            f"{path} claims {dataset.nbytes:,} bytes for {dataset.name} but does not hold them; "
            "get the file again."
        )
    values = dataset[()]
    # HDF5 has no bfloat16: Keras stores its two bytes as an opaque type.
    return values.view(ml_dtypes.bfloat16) if values.dtype == np.dtype("V2") else values


def _texts(values: Any) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def natural_order(name: str) -> list[Any]:
    """A key to sort names by, numbers in them by their value."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
