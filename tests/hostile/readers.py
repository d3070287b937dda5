"""All that reads files which others wrote: how a valid one is made, and how it is read.

A new reader is one line of READERS.
"""

import json
import os
import sys
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from PIL import Image
from safetensors.numpy import save_file

sys.path.append(str(Path(__file__).parents[1] / "weights"))

from own_files import OWN
from pickle_helpers import legacy_file, number, table, tensor, zip_file
from weights_helpers import CONFIG, torch_state, write_legacy

from vggjax.data.images import decode_image, deep_version
from vggjax.errors import VggjaxError
from vggjax.model import softmax_head
from vggjax.model.config import parameter_shapes
from vggjax.training.saved import ClassifierInfo, load_head, save_head
from vggjax.weights.describe import describe
from vggjax.weights.importer import import_weights
from vggjax.weights.info import WeightsInfo
from vggjax.weights.store import save, verify

Rng = np.random.Generator


class Reader(NamedTuple):
    """`make(folder, rng)` gives the path of a valid file or folder; `read(path)` checks it.

    `share` says how often it is tried, compared with the others.
    """

    name: str
    make: Callable[[Path, Rng], Path]
    read: Callable[[Path], Any]
    share: float = 1.0


def image(kind: str, modes: str, options: list[dict[str, Any]], folder: Path, rng: Rng) -> Path:
    """An image of one of the modes, written with one of the options."""
    mode = modes.split()[rng.integers(len(modes.split()))]
    values = rng.integers(0, 256, (48, 40, 4), np.uint8)
    picture = Image.fromarray(values)
    if mode == "I;16":
        picture = Image.fromarray(values[..., 0] * np.uint16(257))
    elif mode == "P":
        picture = picture.convert("RGB").quantize(17)
    elif mode != "RGBA":
        picture = picture.convert("RGB").convert(mode)
    exif = Image.Exif()
    exif[274], exif[270] = int(rng.integers(1, 9)), "words"
    chosen = dict(options[rng.integers(len(options))])
    if chosen.pop("frames", False):
        chosen |= {"save_all": True, "append_images": [picture.rotate(90 * n) for n in (1, 2)]}
    if chosen.pop("exif", False):
        chosen["exif"] = exif
    picture.save(folder / "image", kind, **chosen)
    return folder / "image"


def see(path: Path) -> None:
    """An image decoded, from its path and its bytes, as extraction does it."""
    for size, mode in ((32, "crop"), (20, "nearest")):
        seen = decode_image(path, size, mode)
        assert (seen.shape, seen.dtype) == ((size, size, 3), np.uint8)
    assert isinstance(deep_version(path.read_bytes()), str)


def tree(rng: Rng) -> dict[str, dict[str, np.ndarray]]:
    return {
        layer: {role: rng.normal(size=shape).astype("f4") for role, shape in roles.items()}
        for layer, roles in parameter_shapes(CONFIG).items()
    }


def keras_legacy(folder: Path, rng: Rng) -> Path:
    path = write_legacy(folder / "legacy.h5", tree(rng), int(rng.integers(1, 3)))
    with h5py.File(path, "a") as file:
        file.attrs["backend"], file.attrs["keras_version"] = "tensorflow", "2.1.0"
        file.attrs["model_config"] = json.dumps(_model())
    return path


def keras_3(folder: Path, rng: Rng) -> Path:
    buffer = folder / "new.h5"
    with h5py.File(buffer, "w") as file:
        for layer, roles in tree(rng).items():
            group = file.create_group(f"layers/{layer}/vars")
            group.attrs["name"] = layer
            for place, values in enumerate(roles.values()):
                options = {"compression": "gzip"} if rng.random() < 0.2 else {}
                group.create_dataset(str(place), data=values, **options)
    return buffer


def keras_archive(folder: Path, rng: Rng) -> Path:
    with zipfile.ZipFile(folder / "model.keras", "w") as archive:
        archive.write(keras_3(folder, rng), "model.weights.h5")
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(_model()))
    return folder / "model.keras"


def _model() -> dict[str, Any]:
    names = [name for name in parameter_shapes(CONFIG) if "conv" in name]
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 64, 64, 3]}},
        *({"class_name": "Conv2D", "config": {"name": name}} for name in names),
    ]
    return {"class_name": "Functional", "config": {"layers": layers}}


def _stored(folder: Path, rng: Rng, write: Callable[..., Path]) -> Path:
    state = torch_state(tree(rng), CONFIG)
    items, storages = {}, {}
    for place, (name, values) in enumerate(state.items()):
        strides = tuple(side // values.itemsize for side in values.strides)
        items[name] = tensor(values.size, 0, values.shape, strides, key=str(place))
        storages[str(place)] = values.tobytes()
    if write is zip_file and rng.random() < 0.5:  # a checkpoint with more than weights
        pickled = table(state_dict=table(**items)[2:-1], epoch=number(3))
    else:
        pickled = table(**items)
    return write(folder / "model.pth", pickled, storages)


def safetensors(folder: Path, rng: Rng) -> Path:
    save_file(torch_state(tree(rng), CONFIG), folder / "model.safetensors")
    return folder / "model.safetensors"


def weights(path: Path) -> None:
    """A weight file imported: what comes out is finite and has a VGG's shapes."""
    found = import_weights(path)
    shapes = parameter_shapes(found.info.config)
    for layer, roles in found.params.items():
        for role, values in roles.items():
            assert (values.shape, values.dtype) == (shapes[layer][role], np.float32)
            assert np.isfinite(values).all()


def store(folder: Path, rng: Rng) -> Path:
    save(folder / "store", tree(rng), WeightsInfo("tiny", "tiny.h5", "ab" * 32, CONFIG, {}))
    return folder / "store"


def stored(path: Path) -> None:
    text = describe(path)
    assert all(line.isprintable() for line in text.split("\n"))
    assert len(text) < 20_000
    verify(path)


def classifier(folder: Path, rng: Rng) -> Path:
    info = ClassifierInfo(("ant", "bee", "cat"), "fc2", "ab" * 32, "caffe", 64, "crop")
    save_head(folder / "classifier", softmax_head((16,), 3, start="glorot"), info)
    return folder / "classifier"


_EXIF = [{"exif": True}, {}]
_TIFF = [{"compression": each, "exif": True} for each in (None, "tiff_lzw", "tiff_deflate")]
_JPEG = [{"progressive": True, "exif": True}, {"exif": True}, {"quality": 95, "subsampling": 0}]
_IMAGES: dict[str, tuple[str, str, list[dict[str, Any]]]] = {
    "AVIF": ("AVIF", "RGB RGBA L", _EXIF),
    "BMP": ("BMP", "RGB L P 1 RGBA", [{}]),
    "GIF": ("GIF", "P L", [{}, {"frames": True, "comment": b"words"}]),
    "JPEG": ("JPEG", "RGB L CMYK", _JPEG),
    "JPEG2000": ("JPEG2000", "RGB L RGBA I;16", [{}, {"tile_size": (16, 16)}, {"no_jp2": True}]),
    "MPO": ("MPO", "RGB", [{"frames": True}]),
    "PCX": ("PCX", "RGB L P 1", [{}]),
    "PNG": ("PNG", "RGB L P RGBA LA I;16 1", [*_EXIF, {"frames": True}]),
    "PPM": ("PPM", "RGB L 1 I;16 F", [{}]),
    "TGA": ("TGA", "RGB L RGBA P", [{}, {"compression": "tga_rle"}]),
    "TIFF": ("TIFF", "RGB L P RGBA CMYK F I I;16 1", [*_TIFF, {"compression": "packbits"}]),
    "other TIFF": (
        "TIFF",
        "RGB L",
        [{"compression": "jpeg"}, {"big_tiff": True}, {"frames": True}],
    ),
    "WEBP": ("WEBP", "RGB RGBA", [*_EXIF, {"frames": True}, {"lossless": True}]),
}
READERS = (
    *(Reader(f"{kind} image", partial(image, *how), see) for kind, how in _IMAGES.items()),
    Reader("Keras 2 file", keras_legacy, weights),
    Reader("Keras 3 file", keras_3, weights),
    Reader("Keras archive", keras_archive, weights),
    Reader("PyTorch file", partial(_stored, write=zip_file), weights),
    Reader("old PyTorch file", partial(_stored, write=legacy_file), weights),
    Reader("safetensors file", safetensors, weights),
    Reader("stored weights", store, stored, 0.3),
    Reader("classifier", classifier, load_head, 0.5),
    *(Reader(*each, 0.5) for each in OWN),
)


def _says(text: str) -> None:
    class Endless(VggjaxError):
        def __str__(self) -> str:
            return text

    raise Endless


# Readers that do what none may, to see that it is noticed.
CONTROLS = (
    Reader("hung", Path, lambda path: time.sleep(60)),
    Reader("crashed", Path, lambda path: os.abort()),
    Reader("over 2 GB", Path, lambda path: b"x" * (2200 * 2**20)),
    Reader("code run", Path, lambda path: path.write_text("written")),
    Reader("wrong", Path, lambda path: {}["key"]),
    Reader("a long sentence", Path, lambda path: _says("x" * 10**4)),
    Reader("an order for the terminal", Path, lambda path: _says("\x1b[31m")),
)
