"""Reads weights that Keras wrote: HDF5 in the legacy layout and Keras 3's, and `.keras` archives.

Returns arrays named `layer/weight`, in the order of the layers; knows no model.
"""

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from vggjax.errors import WeightsError

_WEIGHTS_MEMBER = "model.weights.h5"  # inside a .keras archive
_NEVER_COMPRESSED = 2**20  # bytes that a data set may claim whatever it stores
_MOST_COMPRESSED = 4  # float weights never shrink by more


def read_keras_h5(path: Path) -> dict[str, np.ndarray]:
    """The weights in an HDF5 file by Keras 1, 2 or 3; WeightsError if there are none."""
    return _read(path, path)


def read_keras_archive(path: Path) -> dict[str, np.ndarray]:
    """The weights in a Keras 3 `.keras` archive; WeightsError if it is compressed."""
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(_WEIGHTS_MEMBER)
        if member.compress_type != zipfile.ZIP_STORED or member.file_size > path.stat().st_size:
            raise WeightsError(f"{path} is compressed, as Keras never writes it; unpack it first.")
        content = io.BytesIO(archive.read(member))
    return _read(content, path)


def _read(source: Path | io.BytesIO, path: Path) -> dict[str, np.ndarray]:
    import h5py

    with h5py.File(source, "r") as file:
        root = file.get("model_weights", file)
        datasets = _legacy(root) if "layer_names" in root.attrs else _keras3(root)
        if not datasets:
            raise WeightsError(f"{path} is an HDF5 file without Keras weights.")
        return {
            name: _array(dataset, file, path)
            for name, dataset in datasets.items()
            if dataset.dtype.kind in "fV"  # seeds and counters are no weights
        }


def _legacy(root: Any) -> dict[str, Any]:
    datasets: dict[str, Any] = {}
    for layer in _texts(root.attrs["layer_names"]):
        group = root[layer]
        names = _texts(group.attrs["weight_names"])
        for name in names:
            parts = name.split("/")
            # A group of more than a kernel and a bias is a model within the model.
            owner = parts[-2] if len(names) > 2 and len(parts) > 1 else layer
            datasets[_unused(f"{owner}/{parts[-1]}", f"{layer}/{name}", datasets)] = group[name]
    return datasets


def _keras3(root: Any) -> dict[str, Any]:
    import h5py

    found: dict[str, Any] = {}

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and "/vars/" in f"/{name}":
            found[name] = node

    root.visititems(visit)
    datasets: dict[str, Any] = {}
    for name in sorted(found, key=_natural):
        if name.startswith("optimizer/"):
            continue
        # Newer files note the layer's name, older ones have only its class's, numbered in order.
        folder, _, index = name.rpartition("/")
        layer = found[name].parent.attrs.get("name") or folder.removesuffix("/vars").split("/")[-1]
        datasets[_unused(f"{layer}/{index}", name, datasets)] = found[name]
    return datasets


def _array(dataset: Any, file: Any, path: Path) -> np.ndarray:
    elsewhere = dataset.file.filename != file.filename or dataset.external or dataset.is_virtual
    if elsewhere:
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


def _unused(name: str, fallback: str, taken: dict[str, Any]) -> str:
    return fallback if name in taken else name


def _natural(name: str) -> list[Any]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
