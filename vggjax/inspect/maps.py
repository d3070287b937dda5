"""Feature maps: what the filters of some layers make of an image (C4, U3)."""

from collections.abc import Sequence

import numpy as np

from vggjax.errors import DataError, LayerError
from vggjax.features import outputs
from vggjax.model import Chain
from vggjax.model.layers import Convolution, MaxPool


def require_maps(chain: Chain, layers: Sequence[str]) -> None:
    """Raise LayerError unless all `layers` are convolutions or poolings of the chain."""
    for layer in layers:
        if not isinstance(chain[layer], Convolution | MaxPool):
            raise LayerError(
                f"The layer {layer} has no feature maps; name a convolution or a pooling layer."
            )


def feature_maps(
    chain: Chain, images: np.ndarray, layers: Sequence[str], batch_size: int = 8
) -> dict[str, np.ndarray]:
    """The outputs (N, H, W, channels) of `layers` for RGB images (N, H, W, 3) in 0–255.

    Raises LayerError for a layer that is not in the chain or has no maps, DataError for images of
    another shape.

    >>> import vggjax
    >>> photos = np.zeros((1, 64, 64, 3), np.uint8)
    >>> feature_maps(vggjax.load_vgg("demo"), photos, ["block2_pool"])["block2_pool"].shape
    (1, 16, 16, 32)
    """
    require_maps(chain, layers)
    if np.ndim(images) != 4 or np.shape(images)[-1] != 3 or not len(images):
        raise DataError(f"Images must be an array (N, H, W, 3), not {np.shape(images)}.")
    batches = list(outputs(chain, images, layers, batch_size=min(batch_size, len(images))))
    return {layer: np.concatenate([batch[layer] for batch in batches]) for layer in layers}


def choose_maps(channels: int, count: int, seed: int, layer: str) -> np.ndarray:
    """The numbers of `count` of a layer's maps, drawn at random from (seed, layer), ascending.

    Raises DataError if the layer has fewer.
    """
    if not 1 <= count <= channels:
        raise DataError(f"{layer} has {channels} maps; {count} of them can't be drawn.")
    generator = np.random.default_rng([seed, *layer.encode()])
    return np.sort(generator.choice(channels, count, replace=False))


def check_maps(numbers: Sequence[int], channels: int, layer: str) -> np.ndarray:
    """The given map numbers as an array; raises LayerError if the layer lacks one of them."""
    for number in numbers:
        if not 0 <= number < channels:
            raise LayerError(f"{layer} has no map {number}; it has 0 to {channels - 1}.")
    return np.asarray(numbers, int)


def map_picture(maps: np.ndarray, *, together: bool = False) -> np.ndarray:
    """Feature maps (…, n, H, W) as uint8: 0 and below black, the top white.

    Each is scaled by itself, or `together` the n of an image by the largest of all, as in the
    reference (C4, U3). A map without a positive value is black.
    """
    top = maps.max((-3, -2, -1) if together else (-2, -1), keepdims=True)
    shares = maps / np.where(top > 0, top, 1)
    return np.rint(np.clip(shares, 0, 1) * 255).astype(np.uint8)
