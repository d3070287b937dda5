"""Finds out what kind of weight file a file is, by its content, and reads it."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Literal, NamedTuple

import ml_dtypes  # noqa: F401  (importing it teaches NumPy the name bfloat16)
import numpy as np
from safetensors import safe_open

from vggjax.errors import WeightsError, one_line
from vggjax.weights.bounds import LARGEST_FILE, MOST_TENSORS, check_total
from vggjax.weights.keras_h5 import read_keras_archive, read_keras_h5
from vggjax.weights.search import best_table
from vggjax.weights.stated import Stated
from vggjax.weights.torch_pickle import read_torch_legacy, read_torch_zip
from vggjax.weights.zips import opened

Format = Literal["keras", "torch"]
Content = tuple[dict[str, np.ndarray], Stated]  # what a reader gives
_Kind = tuple[Format, str, Callable[[Path], Content]]

_HEAD = 512  # bytes that tell the kinds apart
_LONGEST_HEADER = 2**24  # bytes of safetensors' header, of which a VGG's takes some thousands
_KNOWN = "a Keras .h5 or .keras file, a PyTorch .pth file or a .safetensors file"


@dataclass(frozen=True)
class ForeignWeights:
    """Arrays as another library wrote them: its names, its layouts, its number types.

    `format` says whose names and layouts they are, `kind` describes the file to a reader.
    """

    path: Path
    format: Format
    kind: str
    tensors: dict[str, np.ndarray]
    stated: Stated = Stated()  # noqa: RUF009 (frozen)

    @property
    def separator(self) -> str:
        """What stands between a layer's name and those of its tensors."""
        return "." if self.format == "torch" else "/"

    @property
    def first_axis(self) -> bool:
        """Whether Keras' kernels are (out, in, 3, 3), as Keras 1 had them for Theano."""
        shapes = [value.shape for value in self.tensors.values() if value.ndim == 4]
        theirs = all(shape[2:] == (3, 3) for shape in shapes)
        return self.format == "keras" and bool(shapes) and theirs

    @property
    def channels_first(self) -> bool:
        """Whether Keras flattened maps (C, H, W)."""
        return self.first_axis or self.stated.channels_first


_HDF5: _Kind = ("keras", "Keras HDF5", read_keras_h5)
_ARCHIVE: _Kind = ("keras", "Keras 3 archive", read_keras_archive)
_TORCH_ZIP: _Kind = (
    *("torch", "PyTorch state dict (zip format)"),
    lambda path: (read_torch_zip(path, best_table), Stated()),
)
_TORCH_LEGACY: _Kind = (
    *("torch", "PyTorch state dict (legacy format)"),
    lambda path: (read_torch_legacy(path, best_table), Stated()),
)
_SAFETENSORS: _Kind = (
    *("torch", "safetensors with PyTorch's names"),
    lambda path: (_read_safetensors(path), Stated()),
)
# What a folder of a model hub holds its weights in, the first that is there.
_INSIDE = ("model.safetensors", "pytorch_model.bin", "task.weights.h5", "model.weights.h5")


def read_weights(path: Path) -> ForeignWeights:
    """The arrays in a weight file of another library, whatever the file is called.

    Raises WeightsError if the file is missing, empty, truncated, damaged, of no known kind, or a
    pickle that asks for more than weights.
    """
    path = weight_file(Path(path))
    try:
        format_, kind, read = _kind(path, _head(path))
        return ForeignWeights(path, format_, kind, *read(path))
    except WeightsError:
        raise
    # A damaged file can make a parser fail in any way; all of them mean the same to the user.
    except Exception as error:
        raise WeightsError(
            f"{path} is truncated or damaged ({one_line(error)}); get the file again."
        ) from error


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """The table of tensors in it that is most like a VGG's; no others are read."""
    with safe_open(path, framework="numpy") as file:
        if len(names := [*file.keys()]) > MOST_TENSORS:
            raise WeightsError(f"{path} is not a VGG: it has {len(names):,} tensors.")
        chosen = best_table([{name: _Shaped(file.get_slice(name).get_shape()) for name in names}])
        check_total(sum(4 * prod(tensor.shape) for tensor in chosen.values()), path)
        return {name: file.get_tensor(name) for name in chosen}


class _Shaped(NamedTuple):
    """A tensor that isn't read yet."""

    shape: list[int]


def weight_file(path: Path) -> Path:
    """The weight file at `path`: itself, or the one in a folder as Hugging Face's and Keras'."""
    return next((path / name for name in _INSIDE if (path / name).is_file()), path)


def _head(path: Path) -> bytes:
    if path.is_dir():
        raise WeightsError(f"{path} is a folder, but a weight file is needed here.")
    if not path.is_file():
        raise WeightsError(f"The weight file {path} does not exist.")
    if path.stat().st_size > LARGEST_FILE:
        raise WeightsError(f"{path} is not a VGG: it has over {LARGEST_FILE // 2**30} GB.")
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise WeightsError(f"{path} is empty; get the file again.")
    return head


def _kind(path: Path, head: bytes) -> _Kind:
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return _HDF5
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(path)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _LONGEST_HEADER:
        return _SAFETENSORS
    if head.startswith(b"\x80"):
        return _TORCH_LEGACY
    if head.startswith(b"version https://git-lfs"):
        raise WeightsError(f"{path} is only a Git LFS pointer; fetch it with `git lfs pull`.")
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise WeightsError(f"{path} is a web page, not a weight file; download it again.")
    raise WeightsError(f"{path} is not a weight file of a known kind; it must be {_KNOWN}.")


def _zip_kind(path: Path) -> _Kind:
    with opened(path) as archive:
        names = archive.namelist()
    if "model.weights.h5" in names:
        return _ARCHIVE
    if any(name.endswith("/data.pkl") for name in names):
        return _TORCH_ZIP
    raise WeightsError(f"{path} is a zip archive without weights; it must be {_KNOWN}.")
