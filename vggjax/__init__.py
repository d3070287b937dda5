"""VGG16 in Flax: transfer learning from a few images, and a look inside.

The network is a chain of named layers, and everything is a cut of it: `load_vgg` gives the chain
until a layer, `extract` runs that frozen part once per image, `fit` trains a head on its features,
and a `Classifier` joins the two.
"""

from typing import TYPE_CHECKING, Any

from vggjax import startup as startup  # before anything that takes its time

if TYPE_CHECKING:
    from vggjax import data as data
    from vggjax import demo as demo
    from vggjax import evaluation as evaluation
    from vggjax import export as export
    from vggjax import features as features
    from vggjax import imagenet as imagenet
    from vggjax import inspect as inspect
    from vggjax import linear as linear
    from vggjax import model as model
    from vggjax import report as report
    from vggjax import training as training
    from vggjax import weights as weights
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
_SUBMODULES = (
    *("data", "demo", "evaluation", "export", "features", "imagenet", "inspect", "linear", "model"),
    *("report", "training", "weights"),
)
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
    from importlib import import_module

    if name == "__version__":
        return import_module("importlib.metadata").version("vggjax")
    if name in _SUBMODULES:
        return import_module(f"vggjax.{name}")
    if name not in _PART_OF:
        raise AttributeError(f"module 'vggjax' has no attribute '{name}'")
    value = getattr(import_module(f"vggjax.{_PART_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, *_SUBMODULES, "__version__"])
