"""What the workloads run on: how much work, which network, which images."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vggjax.demo import CLASS_COUNTS, VERSION, render_image, saved_jpegs
from vggjax.files import cache_folder
from vggjax.model import Chain, Parameters, VGGConfig, build_vgg, table_until
from vggjax.weights import load_weights

LAYER = "fc2"  # until which the frozen network goes
Functions = Mapping[str, Callable[..., Any]]

VGG16 = VGGConfig()
# Narrow, so that 20,000 images take a minute, but with rows of features as long as VGG16's.
NARROW = VGGConfig(widths=(8, 8, 16, 16, 16), image_size=64)

_CACHE = f"benchmark/v{VERSION}"


@dataclass(frozen=True)
class Sizes:
    """The amount of work: numbers of images, rounds, classes and epochs, and sides in pixels."""

    rounds: int = 7
    network: VGGConfig = VGG16
    batch: int = 32
    # frozen features: in batches of these, at these layers; slow arms only in those of `batch`
    batches: tuple[int, ...] = (1, 8, 32, 64)
    layers: tuple[str, ...] = ("block5_pool", LAYER)
    # the few-shot job: images per class, and the batches that Keras' loop is timed on
    classes: int = 256
    samples: int = 4
    held_out: int = 24
    epochs: int = 20
    keras_batches: int = 2
    # decoding: how many, and real ones
    photos: int = 64
    folder: Path | None = None
    # visualization
    visualized: int = 16
    visualized_side: int = 128
    # heads: (width of the features, rows), and rows of a batch
    heads: tuple[tuple[int, int], ...] = ((25_088, 2_048), (100_352, 1_024))
    head_batches: tuple[int, ...] = (32, 128)
    # an accelerator: the side of the matrices by whose products its rate is measured
    matrix_side: int = 8_192
    # memory
    counts: tuple[int, int] = (1_000, 20_000)
    narrow: VGGConfig = NARROW


FULL = Sizes()
QUICK = Sizes(
    rounds=2,
    batch=4,
    batches=(1, 4),
    layers=(LAYER,),
    heads=((25_088, 64),),
    classes=2,
    matrix_side=512,
    keras_batches=1,
    photos=16,
    visualized=2,
    counts=(200, 2_000),
)


@dataclass(frozen=True)
class Network:
    """The network that every arm builds: a VGG with random weights, up to and including `layer`."""

    config: VGGConfig
    layer: str
    params: Parameters

    @classmethod
    def random(cls, config: VGGConfig, layer: str = LAYER) -> "Network":
        """He-normal kernels from seed 0."""
        return cls(config, layer, load_weights("random", layer, config=config).params)

    def chain(self) -> Chain:
        """The network as this project runs it."""
        return build_vgg(self.config, self.params, self.layer)

    def prepared(self, images: np.ndarray) -> np.ndarray:
        """What other arms get, preprocessed outside their time: float32 BGR (B, H, W, 3)."""
        return np.array(build_vgg(self.config, {}, "preprocess")["preprocess"](images))

    def apply(self, x: Any, functions: Functions, params: Parameters) -> Any:
        """The output for preprocessed `x`, by a library's functions `{kind or "relu": function}`.

        `params` are the network's, as that library wants them.
        """
        for spec in table_until(self.config, self.layer)[1:]:
            x = functions[spec.kind](x, **params.get(spec.name, {}))
            x = functions["relu"](x) if spec.relu else x
        return x


def rendered_tree(classes: int, per_class: int) -> Path:
    """A folder with `per_class` rendered images, 64 x 64 JPEGs, in each of `classes` folders.

    Classes beyond the demo's are other images of these.
    """
    images = {}
    for label in range(classes):
        cycle, demo_class = divmod(label, CLASS_COUNTS["source"])
        for index in range(per_class):
            draw = partial(render_image, "source", demo_class, cycle * per_class + index)
            images[f"{label:03d}/{index:05d}.jpg"] = draw
    return saved_jpegs(cache_folder() / f"{_CACHE}-{classes}x{per_class}", images)


def photo_like(count: int) -> Path:
    """A folder with `count` JPEGs of 640 x 480, as detailed as a compact camera's photographs."""
    images = {f"{number:04d}.jpg": partial(photo, number, (640, 480)) for number in range(count)}
    return saved_jpegs(cache_folder() / f"{_CACHE}-photos-{count}", images)


def photo(number: int, size: tuple[int, int]) -> np.ndarray:
    """A rendered image enlarged to `size` (width, height), with grain: (H, W, 3) uint8 RGB."""
    small = Image.fromarray(render_image("target", number % CLASS_COUNTS["target"], number))
    pixels = np.asarray(small.resize(size, Image.Resampling.BICUBIC), np.float32)
    grain = np.random.default_rng(number).normal(scale=6, size=pixels.shape)
    return np.clip(np.rint(pixels + grain), 0, 255).astype(np.uint8)
