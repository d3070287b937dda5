"""Reads weights that Keras wrote: HDF5 in the legacy layout and Keras 3's, and `.keras` archives.

Returns arrays named `layer/weight`, in the order of the layers, and what else the file states.
"""

import io
import re
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from vggjax.errors import WeightsError
from vggjax.weights.bounds import LARGEST_TEXT, check_total
from vggjax.weights.h5_texts import Texts
from vggjax.weights.stated import Stated, stated
from vggjax.weights.zips import member, opened

# HDF5 has no bfloat16: Keras stores its two bytes as an opaque type.
_BFLOAT16 = np.dtype("V2")
_WEIGHTS_MEMBER, _MODEL_MEMBER = "model.weights.h5", "config.json"  # inside a .keras archive
_NEVER_COMPRESSED = 2**20  # bytes that all data sets may claim whatever they store
_MOST_COMPRESSED = 4  # float weights never shrink by more
_LARGEST_INSIDE = 7 * 2**28  # bytes; VGG19 in float32 with its optimizer's state has 1.72 GB
_MOST_NODES = 10_000  # groups and data sets, and names of weights
_LONGEST_ADDRESS = 1000


def read_keras_archive(path: Path) -> tuple[dict[str, np.ndarray], Stated]:
    """The weights in a Keras 3 `.keras` archive; WeightsError if it is compressed."""
    with opened(path) as archive:
        names = archive.namelist()
        model = member(archive, _MODEL_MEMBER, path, LARGEST_TEXT) if _MODEL_MEMBER in names else ""
        content = io.BytesIO(member(archive, _WEIGHTS_MEMBER, path, _LARGEST_INSIDE))
        tensors, _ = read_keras_h5(path, content)
        return tensors, stated(model or None, None, version="3")


def read_keras_h5(
    path: Path, content: io.BytesIO | None = None
) -> tuple[dict[str, np.ndarray], Stated]:
    """The weights in an HDF5 file by Keras 1, 2 or 3; WeightsError if there are none.

    `content` is that file if it is only a part of the one at `path`.
    """
    import h5py

    texts = Texts(content.getvalue() if content else path)
    with h5py.File(content or path, "r") as file:
        inside = file.get("model_weights", getlink=True) is not None
        root = _node(file, "model_weights", path) if inside else file
        datasets: dict[str, Any] = {}
        each_weight = _legacy if "layer_names" in root.attrs else _keras3
        for name, address in each_weight(root, texts, path):
            datasets[address if name in datasets else name] = _node(root, address, path)
        if not datasets:
            raise WeightsError(f"{path} is an HDF5 file without Keras weights.")
        # Seeds and counters are no weights.
        weights = {
            n: each for n, each in datasets.items() if each.dtype.kind in "fV" or each.ndim > 1
        }
        _check_sizes(weights, file, path)
        return {name: _array(each) for name, each in weights.items()}, _stated(file, root, texts)


def _node(root: Any, address: str, path: Path) -> Any:
    """The group or data set at an address; WeightsError if a link to elsewhere is on the way."""
    import h5py

    node = root
    if len(address) > _LONGEST_ADDRESS:
        raise ValueError("an address that is too long")
    for name in filter(None, address.split("/")):
        if (link := node.get(name, getlink=True)) is None:
            raise ValueError(f"it has no {address}")
        if not isinstance(link, h5py.HardLink):
            raise WeightsError(f"{path} refers to another file for {address}; save it whole.")
        node = node[name]
    return node


def _stated(file: Any, root: Any, texts: Texts) -> Stated:
    """What the attributes say, which Keras puts at the file's root or at that of the weights."""
    model, backend, version = (
        next((texts.read(each, name)[0] for each in (root, file) if name in each.attrs), None)
        for name in ("model_config", "backend", "keras_version")
    )
    return stated(model, backend, version or "")


def _legacy(root: Any, texts: Texts, path: Path) -> Iterator[tuple[str, str]]:
    """Each weight as `layer/weight`, and its address in the file."""
    count = 0
    for layer in dict.fromkeys(texts.read(root, "layer_names")):
        names = dict.fromkeys(texts.read(_node(root, layer, path), "weight_names"))
        count += 1 + len(names)
        if count > _MOST_NODES:
            raise ValueError(f"it names over {_MOST_NODES:,} weights")
        for name in names:
            parts = name.split("/")
            # A group of more than a kernel and a bias is a model within the model.
            owner = parts[-2] if len(names) > 2 and len(parts) > 1 else layer
            yield f"{owner}/{parts[-1]}", f"{layer}/{name}"


def _keras3(root: Any, texts: Texts, path: Path) -> Iterator[tuple[str, str]]:
    nodes: dict[str, Any] = {}

    def note(address: str, node: Any) -> None:
        if len(nodes) >= _MOST_NODES or len(address) > _LONGEST_ADDRESS:
            raise WeightsError(f"{path} is not a VGG: it has over {_MOST_NODES:,} groups.")
        nodes[address] = node

    root.visititems(note)
    for address in sorted(nodes, key=natural_order):
        folder, _, index = f"/{address}".rpartition("/")
        if not folder.endswith("/vars") or address.startswith("optimizer/"):
            continue
        # Newer files note the layer's name, older ones have only its class's, numbered in order.
        owner = nodes[address].parent
        named = texts.read(owner, "name") if "name" in owner.attrs else []
        yield f"{(named or folder.split('/')[-2:])[0]}/{index}", address


def _check_sizes(datasets: Mapping[str, Any], file: Any, path: Path) -> None:
    """Raise WeightsError for what is elsewhere, or claims to be far larger than it is stored."""
    spare = _NEVER_COMPRESSED
    for dataset in datasets.values():
        if dataset.file.filename != file.filename or dataset.external or dataset.is_virtual:
            raise WeightsError(f"{path} refers to another file for {dataset.name}; save it whole.")
        if dataset.dtype.kind not in "fiub" and dataset.dtype != _BFLOAT16:
            raise WeightsError(
                f"{path} has {dataset.dtype} for {dataset.name}, which no weight is."
            )
        chunk = prod(dataset.chunks or (0,)) * dataset.dtype.itemsize
        claimed = max(dataset.nbytes, chunk)  # a chunk is read whole, and may be the larger
        spare -= max(0, claimed - _MOST_COMPRESSED * dataset.id.get_storage_size())
        if spare < 0:
            raise WeightsError(
                f"{path} claims {claimed:,} bytes for {dataset.name} but does not hold them; "
                "get the file again."
            )
    check_total(sum(dataset.nbytes for dataset in datasets.values()), path)


def _array(dataset: Any) -> np.ndarray:
    values = dataset[()]
    return values.view(ml_dtypes.bfloat16) if values.dtype == _BFLOAT16 else values


def natural_order(name: str) -> list[Any]:
    """A key to sort names by, numbers in them by their value."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
