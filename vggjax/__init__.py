"""VGG16 in Flax: transfer learning from a few images, and a look inside.

The network is a chain of named layers, and everything is a cut of it: `load_vgg16` gives the chain
until a layer, `extract` runs that frozen part once per image, `fit` trains a head on its features,
and a `Classifier` joins the two.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vggjax.data import Dataset, ImageArray, decode_image, load_dataset, load_folder, make_split
    from vggjax.errors import VggjaxError
    from vggjax.model import Chain, VGGConfig, softmax_head
    from vggjax.transfer import (
        Classifier,
        Examples,
        Features,
        FitConfig,
        evaluate,
        extract,
        fit,
        predict,
    )
    from vggjax.weights import load_vgg16

_ROOMS = {
    "data": ["Dataset", "ImageArray", "decode_image", "load_dataset", "load_folder", "make_split"],
    "errors": ["VggjaxError"],
    "model": ["Chain", "VGGConfig", "softmax_head"],
    "transfer": [
        *("Classifier", "Examples", "Features", "FitConfig"),
        *("evaluate", "extract", "fit", "predict"),
    ],
    "weights": ["load_vgg16"],
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "Chain",
    "Classifier",
    "Dataset",
    "Examples",
    "Features",
    "FitConfig",
    "ImageArray",
    "VGGConfig",
    "VggjaxError",
    "decode_image",
    "evaluate",
    "extract",
    "fit",
    "load_dataset",
    "load_folder",
    "load_vgg16",
    "make_split",
    "predict",
    "softmax_head",
]


def __getattr__(name: str) -> Any:
    """Import a name's room when it is first used, so that `import vggjax` itself takes no time."""
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'vggjax' has no attribute '{name}'")
    from importlib import import_module

    value = getattr(import_module(f"vggjax.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
