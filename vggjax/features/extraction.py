"""The features of images: computed once per image, ever, and kept on disk."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vggjax.data import WHOLE, ImageArray, View
from vggjax.errors import DataError
from vggjax.features.cache import Features, FeatureStore, store_name
from vggjax.features.exchange import shared_keys
from vggjax.features.filling import Pass, fill
from vggjax.features.given import as_images, kept_dtype
from vggjax.files import cache_folder
from vggjax.model import Chain, arithmetic_of, chain_digest, dense_layers, output_shape


def extract(
    backbone: Chain,
    images: ImageArray | np.ndarray,
    *,
    batch_size: int | None = None,
    cache: Path | None = None,
    dtype: Any = np.float32,
) -> Features:
    """The output of `backbone` for each image, as `Features` (N, …) that live on disk.

    `images` are (N, size, size, 3) uint8 RGB: an `ImageArray`, an array, or what can be indexed and
    has an ImageArray's `shape`, `keys` and `subset`. Rows found in the cache (`cache`, by default
    `features` in `vggjax.files.cache_folder()`) are not computed again: they are named by a hash
    of the chain, weights and preprocessing included, of the arithmetic it is computed with, and of
    the image. The rest is computed batch by batch, so that memory doesn't grow with the number of
    images; `batch_size` is by default what fills the devices. `dtype` is how they are kept:
    float32, float16, bfloat16 or float64. Several processes, which must call this together, share
    the images; each uses all its devices. Raises DataError for other images or types, for a feature
    that float16 can't hold, and for a cache that can't be written.

    >>> import vggjax
    >>> from vggjax.data import load_demo
    >>> backbone = vggjax.load_vgg("demo", until="fc2")
    >>> images = vggjax.ImageArray(load_demo(per_class=4), range(4), size=64)
    >>> vggjax.extract(backbone, images).shape
    (4, 512)
    """
    last = backbone.names[-1]
    return extract_layers(
        backbone, [last], images, batch_size=batch_size, cache=cache, dtype=dtype
    )[last]


def extract_layers(
    backbone: Chain,
    layers: Sequence[str],
    images: ImageArray | np.ndarray,
    *,
    batch_size: int | None = None,
    cache: Path | None = None,
    dtype: Any = np.float32,
) -> dict[str, Features]:
    """The outputs of several `layers` of `backbone`, `{layer: Features}`, from one pass (C5).

    Each layer's features are those that `extract(backbone.until(layer), images)` gives, and are
    found where it would find them. Only images that some layer lacks are computed, until the
    deepest layer that lacks one; otherwise as `extract`. Raises LayerError for an unknown layer.
    """
    ordered = sorted(set(layers), key=backbone.position)
    chains = {name: backbone.until(name) for name in ordered}
    return _extracted(chains, images, batch_size, cache, dtype)


def extract_views(
    backbone: Chain,
    layers: Sequence[str],
    images: ImageArray,
    views: Sequence[str | View] = (WHOLE,),
    *,
    batch_size: int | None = None,
    cache: Path | None = None,
    dtype: Any = np.float32,
) -> dict[str | View, dict[str, Features]]:
    """The features of several `views` of the images, `{view: {layer: Features}}`, of one shape.

    `views` are of `vggjax.data.VIEWS`, or a `View`. The features of `whole` are those that
    `extract_layers` gives; larger views go through the network densely (see
    `vggjax.model.dense_application`). There is one pass for each view, otherwise as
    `extract_layers`. Raises DataError for an unknown view and for images that aren't an
    `ImageArray`, LayerError for an unknown layer.

    >>> import vggjax
    >>> from vggjax.data import load_demo
    >>> backbone = vggjax.load_vgg("demo", until="fc2")
    >>> images = vggjax.ImageArray(load_demo(per_class=4), range(4), size=64)
    >>> views = extract_views(backbone, ["fc2"], images, ["whole", "flip", "large"])
    >>> [features["fc2"].shape for features in views.values()]
    [(4, 512), (4, 512), (4, 512)]
    """
    ordered = sorted(set(layers), key=backbone.position)
    if not hasattr(images, "seen_as"):
        raise DataError(f"Views are those of a vggjax.ImageArray, not of {type(images).__name__}.")
    found = {}
    for view, own in {view: images.seen_as(view) for view in views}.items():
        chains = dense_layers(backbone, ordered, own.shape[1])
        what = "features" if view == WHOLE else f"features of the view {view}"
        found[view] = _extracted(chains, own, batch_size, cache, dtype, what)
    return found


def _extracted(
    chains: Mapping[str, Chain],
    images: Any,
    batch_size: int | None,
    cache: Path | None,
    dtype: Any,
    what: str = "features",
) -> dict[str, Features]:
    """The outputs of several chains from one pass (see `branch_outputs`), kept in the cache."""
    images = as_images(images)
    stores = {
        name: open_store(chain, images.shape[1:], cache, dtype) for name, chain in chains.items()
    }
    keys = shared_keys(images)
    fill(Pass(chains, images, batch_size or _default_batch(), what), keys, stores)
    return {name: store.select(keys) for name, store in stores.items()}


def open_store(
    backbone: Chain, image_shape: tuple[int, ...], cache: Path | None, dtype: Any
) -> FeatureStore:
    """The store that holds `backbone`'s features, in a folder named by what they depend on."""
    dtype, arithmetic = kept_dtype(dtype), arithmetic_of(backbone)
    row_shape = output_shape(backbone, image_shape, np.uint8)
    identity = hashlib.sha256(f"{chain_digest(backbone)} {arithmetic}".encode()).hexdigest()
    name = store_name(backbone.names[-1], row_shape, dtype, identity[:32])
    about = {
        "layers": " → ".join(backbone.names),
        "dtype": str(dtype),
        "arithmetic": arithmetic,
    }
    return FeatureStore((cache or cache_folder() / "features") / name, row_shape, dtype, about)


def _default_batch() -> int:
    """Images at a time: on a CPU the dense layers' share is small from 32 on, others want more."""
    return 32 if jax.default_backend() == "cpu" else 256 * jax.local_device_count()
