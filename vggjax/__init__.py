"""VGG16 in Flax: transfer learning from a few images, and a look inside.

The network is a chain of named layers, and everything is a cut of it: `load_vgg` gives the chain
until a layer, `extract` runs that frozen part once per image, `fit` trains a head on its features,
and a `Classifier` joins the two.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vggjax.data import Dataset, ImageArray, decode_image, load_dataset, load_folder, make_split
    from vggjax.errors import VggjaxError
    from vggjax.features import Examples, Features, compute, extract
    from vggjax.imagenet import imagenet_classifier
    from vggjax.model import Chain, VGGConfig, softmax_head
    from vggjax.quick import train
    from vggjax.training import Classifier, FitConfig, evaluate, fit
    from vggjax.weights import load_vgg

_PARTS = {
    "data": ["Dataset", "ImageArray", "decode_image", "load_dataset", "load_folder", "make_split"],
    "errors": ["VggjaxError"],
    "features": ["Examples", "Features", "compute", "extract"],
    "imagenet": ["imagenet_classifier"],
    "model": ["Chain", "VGGConfig", "softmax_head"],
    "quick": ["train"],
    "training": ["Classifier", "FitConfig", "evaluate", "fit"],
    "weights": ["load_vgg"],
}
_PART_OF = {name: part for part, names in _PARTS.items() for name in names}

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
    "compute",
    "decode_image",
    "evaluate",
    "extract",
    "fit",
    "imagenet_classifier",
    "load_dataset",
    "load_folder",
    "load_vgg",
    "make_split",
    "softmax_head",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a name's part when it is first used, so that `import vggjax` itself takes no time."""
    if name not in _PART_OF:
        raise AttributeError(f"module 'vggjax' has no attribute '{name}'")
    from importlib import import_module

    value = getattr(import_module(f"vggjax.{_PART_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
