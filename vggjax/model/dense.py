"""A network applied densely: to larger images than it takes, at every place where it fits."""

from collections.abc import Collection

from flax import nnx

from vggjax.errors import LayerError
from vggjax.model.chain import Chain, output_shape
from vggjax.model.layers import (
    Convolution,
    Dense,
    Flatten,
    MaxPool,
    MeanMap,
    Preprocess,
    WindowMean,
    Windows,
)

LOCAL = (Preprocess, Convolution, MaxPool, Dense)  # they do the same at each place


def dense_application(chain: Chain, size: int) -> Chain:
    """`chain` for images of `size` × `size`, with an output of the shape that it has for its own.

    Convolutions see the whole image. Dense layers see each window of the maps that is as large as
    the maps are otherwise (fully convolutional application, arXiv 1409.1556, 3.2), and the mean
    over the windows is what comes out, in a layer `window_mean`. If the chain ends at maps, they
    become the mean window; a linear head on it gives the mean of the windows' logits.
    Raises LayerError for images smaller than the chain takes, and for other kinds of layer.

    >>> import vggjax
    >>> from vggjax.model import output_shape
    >>> backbone = vggjax.load_vgg("demo", until="block5_pool")
    >>> large = dense_application(backbone, 96)
    >>> output_shape(backbone, (96, 96, 3)), output_shape(large, (96, 96, 3))
    ((3, 3, 96), (2, 2, 96))
    """
    last = chain.names[-1]
    return dense_layers(chain, [last], size)[last]


def dense_layers(chain: Chain, layers: Collection[str], size: int) -> dict[str, Chain]:
    """The `dense_application` of `chain` until each of the `layers`, `{layer: chain}`.

    They have the layers before their `window_mean` in common.
    """
    usual = chain.image_size
    if size < usual:
        raise LayerError(
            f"Images of {size} by {size} pixels are smaller than the {usual} that the network "
            "takes; enlarge them."
        )
    parts = {name: chain.until(name) for name in layers}
    if size == usual:
        return parts
    slid = _slid(chain)
    return {name: slid.until(name).then(_mean(part)) for name, part in parts.items()}


def _slid(chain: Chain) -> Chain:
    """The chain with all windows flattened where one map was."""
    layers: dict[str, nnx.Module] = {name: chain[name] for name in chain.names}
    for before, name in zip(chain.names, chain.names[1:], strict=False):
        if isinstance(layers[name], Flatten):
            layers[name] = Windows(_usual_shape(chain.until(before))[0])
        elif not isinstance(layers[name], LOCAL):
            raise LayerError(f"The layer {name} can't be applied to larger images densely.")
    return chain.made_of(layers)


def _mean(part: Chain) -> Chain:
    """What makes an output of the usual shape of that of the slid chain until the same layer."""
    shape = _usual_shape(part)
    mean = WindowMean(shape[0]) if len(shape) == 3 else MeanMap()
    return part.made_of({"window_mean": mean})


def _usual_shape(part: Chain) -> tuple[int, ...]:
    side = part.image_size
    return output_shape(part, (side, side, 3))
