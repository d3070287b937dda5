"""A network applied densely: to larger images than it takes, at every place where it fits."""

from flax import nnx

from vggjax.errors import LayerError
from vggjax.model.chain import Chain, output_shape
from vggjax.model.layers import Convolution, MaxPool, Preprocess, WindowMean, Windows

CONVOLUTIONAL = (Preprocess, Convolution, MaxPool)


def dense_application(chain: Chain, size: int) -> Chain:
    """`chain` for images of `size` × `size`, with an output of the shape that it has for its own.

    Convolutions and poolings see the whole image. What follows sees each window of their maps of
    the usual size, and the outputs are averaged: for dense layers that is fully convolutional
    application (arXiv 1409.1556, 3.2), for a linear head on maps it averages the windows' logits.
    Raises LayerError for a chain without `preprocess`, and for images smaller than it takes.

    >>> import vggjax
    >>> backbone = vggjax.load_vgg("demo", until="fc2")
    >>> dense_application(backbone, 96).names[-5:]
    ('windows', 'flatten', 'fc1', 'fc2', 'window_mean')
    """
    usual = chain["preprocess"].image_size
    if size == usual:
        return chain
    if size < usual:
        raise LayerError(f"Images of {size} pixels are smaller than the {usual} that it takes.")
    seen = [name for name in chain.names if isinstance(chain[name], CONVOLUTIONAL)]
    maps, rest = chain.until(seen[-1]), chain.after(seen[-1])
    side, large = (output_shape(maps, (pixels, pixels, 3))[0] for pixels in (usual, size))
    first, last = Windows(side), WindowMean((large - side + 1) ** 2)
    layers: dict[str, nnx.Module] = {name: maps[name] for name in maps.names}
    layers["windows"] = first
    layers |= {name: rest[name] for name in rest.names}
    return Chain({**layers, "window_mean": last})
