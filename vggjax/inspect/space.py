"""Where gradient ascent happens: pixel values around the channel means, in the network's order."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from vggjax.model.layers import NORMALIZATIONS, Preprocess


@dataclass(frozen=True)
class InputSpace:
    """The space of inputs that are ascended: (…, 3), in units of one pixel value (1 of 0–255).

    An input is an image minus the channel means, its channels in the network's order. With 'caffe'
    preprocessing that is exactly what the layers after `preprocess` see, as in the reference, whose
    start (128 with a little noise) and step (1) are numbers in it: nothing is subtracted from
    them. With the others the layers see it scaled (with 'torch', over 255 times the channels'
    deviations); doing that here, in `to_network`, gives the reference's numbers the same meaning
    for all.

    `channels` are the RGB channels in the network's order (and the other way round), `mean` (in
    that order) is in 0–255, and `scale` is what one pixel value is to the network.
    """

    channels: tuple[int, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def of(cls, preprocess: Preprocess) -> "InputSpace":
        """The space of a network that begins with `preprocess`."""
        how = NORMALIZATIONS[preprocess.mode]
        scale = tuple(1 / (how.over * value) for value in how.deviation)
        mean = tuple(how.over * value for value in how.mean)
        return cls((2, 1, 0) if how.bgr else (0, 1, 2), mean, scale)

    def from_rgb(self, images: jax.typing.ArrayLike) -> jax.Array:
        """RGB images (…, 3) in 0–255 → inputs."""
        x = jnp.asarray(images, jnp.float32)[..., jnp.array(self.channels)]
        return x - _along(self.mean, x)

    def to_rgb(self, inputs: jax.typing.ArrayLike) -> jax.Array:
        """The reverse of `from_rgb`; what lies outside 0–255 stays outside."""
        x = jnp.asarray(inputs, jnp.float32)
        return (x + _along(self.mean, x))[..., jnp.array(self.channels)]

    def to_network(self, inputs: jax.Array) -> jax.Array:
        """What the layers after `preprocess` see."""
        return inputs * _along(self.scale, inputs)

    def per_network_unit(self, gradient: jax.Array) -> jax.Array:
        """A gradient per pixel value as one per unit of what the layers see."""
        return gradient / _along(self.scale, gradient)


def _along(values: tuple[float, ...], x: jax.Array) -> jax.Array:
    """Three numbers, shaped to broadcast along the last axis of `x`."""
    return jnp.asarray(values, jnp.float32).reshape((1,) * (x.ndim - 1) + (3,))
