"""What stands on the page of `report.py`: its parts in their order, each an experiment."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from caltech import CALTECH
from engine.experiment import Experiment
from feature_maps import MAPS
from layers import LAYERS, POOLED
from temperature import TEMPERATURE
from urban_tribes import TRIBES
from visualize import VISUALIZE

IMAGES, TRIBES_ONLY, TRIBES_FIRST, NETWORK = "images", "tribes", "tribes first", "network"
PUBLISHED = {
    "caltech101": "Published for all 101 classes of Caltech-101, 30 images per class: 91.8 % with "
    "VGG16's pool5 and an SVM (arXiv 1509.07627), 86.2 % with layer 5 of Zeiler & Fergus and an "
    "SVM (1311.2901), 91.8 ± 1.0 % with VGG16's penultimate layer (1409.1556). They had other "
    "classes and other heads."
}  # by how the data set's name begins


@dataclass(frozen=True)
class Part:
    """One experiment of the page, in the sub-folder `name`, with some options chosen.

    `takes` says which of the page's options are passed on: those of the IMAGES, TRIBES_ONLY,
    TRIBES_FIRST (else those of the images) or of the NETWORK. With `photos` "images" it takes the
    page's photos as such; with "start" it starts from the first, and isn't there without one.
    `on_demo` are chosen there besides. `published` is what to say of data whose name begins so.
    """

    name: str
    experiment: Experiment[Any]
    chosen: Mapping[str, Any] = field(default_factory=dict)
    takes: str = IMAGES
    photos: str = ""
    on_demo: Mapping[str, Any] = field(default_factory=dict)
    published: Mapping[str, str] = field(default_factory=dict)


FEW_SHOT = {"samples": (2, 4, 8, 16, 32), "seed": (0, 1, 2)}
AT_POOL = replace(
    CALTECH,
    rows="beyond C1",
    title="few images per class at block5_pool",
    text="The last layer before the dense ones is enough for a good classifier.",
    captions={"accuracy.png": "test accuracy against images per class, at block5_pool"},
)
FIRST_MAPS = replace(
    MAPS,
    rows="U3",
    title="the first four maps of each image",
    text="Each row of a grid is one image: detailed maps at the first layer, a few bright spots "
    "or nothing at the last one (Figures 21, 22).",
)
TRIBES_AS_SPLIT = replace(
    TRIBES,
    title="eleven classes in a flat folder, split as in the reference",
    text="The reference validated and tested on the same 32 images of each class.",
)


def filters(
    name: str, layer: str, title: str, caption: str, photos: str = "", **chosen: Any
) -> Part:
    """A part that shows what excites filters of `layer`."""
    captions = {"filters.png": caption}
    experiment = replace(VISUALIZE, title=f"{title} {layer}", captions=captions)
    return Part(f"{name}_{layer}", experiment, {"layer": layer, **chosen}, NETWORK, photos)


def reference_filters(layer: str, figure: int, **chosen: Any) -> tuple[Part, Part]:
    """The reference's recipe: from a photo, which is its Figure `figure`, and from noise."""
    title = "the reference's recipe, from {}, on"
    caption = f"{layer} by the reference's recipe, from {{}} (Figure {{}})"
    return (
        filters("filters_from_photo", layer, title.format("a photo"),
                caption.format("a photo", figure), "start", recipe="reference", **chosen),
        filters("filters_from_noise", layer, title.format("noise"),
                caption.format("noise", figure + 2), recipe="reference", **chosen),
    )  # fmt: skip


PARTS = (
    *(
        filters("filters", layer, "what excites filters of", f"what excites filters of {layer}")
        for layer in ("block5_conv3", "block3_conv1", "block1_conv1")
    ),
    Part("feature_maps", replace(MAPS, rows="C4"), photos="images"),
    Part("block5_pool", AT_POOL,
         {"layer": ("block5_pool",), "samples": (1, 2, 5, 10, 15), "seed": (0, 1, 2)},
         published=PUBLISHED),
    Part("caltech", CALTECH, FEW_SHOT),
    Part("layers", LAYERS),
    Part("urban_tribes", TRIBES, FEW_SHOT, TRIBES_ONLY),
    Part("urban_tribes_reference_split", TRIBES_AS_SPLIT,
         {**FEW_SHOT, "reference_split": True}, TRIBES_ONLY),
    Part("first_maps", FIRST_MAPS, {"count": 4, "maps": (0, 1, 2, 3), "columns": 4}, TRIBES_FIRST,
         photos="images"),
    *reference_filters("block1_conv1", 23),
    *reference_filters("block5_conv3", 24, filters=("0-63",)),
    Part("pooled_layers", POOLED, {"pool": True, "reference_split": True}, TRIBES_FIRST),
    Part("temperature", TEMPERATURE, on_demo={"epochs": 120}),
)  # fmt: skip
