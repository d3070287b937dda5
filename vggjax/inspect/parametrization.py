"""What gradient ascent moves: the pixels themselves, or the image's spectrum.

Each class turns numbers to be moved into an input (size, size, 3) of `InputSpace` and back, for
one image; the ascent maps it over a batch. Its `optimizer` makes the gradient (of what is to grow)
the step to add; both begin by dividing it by its root mean square over the image, so that a filter
of small activations moves as fast as one of large ones.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from vggjax.inspect.result import contrast_picture
from vggjax.inspect.space import InputSpace

# Ohta, Kanade & Sakai, "Color information for region segmentation" (1980): brightness, red against
# blue, green against magenta are nearly uncorrelated in photographs. `COLOUR_SPREAD` is how much
# they vary in them, relative to brightness.
COLOUR_AXES = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]], np.float32)
COLOUR_AXES /= np.linalg.norm(COLOUR_AXES, axis=1, keepdims=True)
COLOUR_SPREAD = np.array([[1.0], [0.2], [0.125]], np.float32)
MOMENTUM, DECAY = 0.9, 0.02
CONTRAST = 1.2  # the root mean square that an image's logits approach: well short of black or white


@dataclass(frozen=True)
class Pixels:
    """The input's own values, moved by the gradient over its root mean square (U4).

    Random starts are the reference's: (uniform[0, 1) − 0.5) · 20 + 128. Steps are in pixel values,
    the gradient is taken in the network's units: beside the reference's 1e-5 its size matters.
    """

    space: InputSpace
    size: int
    step_size: float = 1.0

    @property
    def optimizer(self) -> optax.GradientTransformation:
        """Steps of root mean square `step_size`."""

        def update(gradient: jax.Array, _: object) -> jax.Array:
            return self.step_size * _of_unit_size(self.space.per_network_unit(gradient), 1e-5)

        return optax.stateless(update)

    def noise(self, key: jax.Array) -> jax.Array:
        """Gray noise, (size, size, 3)."""
        return (jax.random.uniform(key, (self.size, self.size, 3), jnp.float32) - 0.5) * 20 + 128

    def encode(self, inputs: jax.Array) -> jax.Array:
        """The input itself."""
        return inputs

    def decode(self, parameters: jax.Array) -> jax.Array:
        """The input itself."""
        return parameters

    def pictures(self, inputs: np.ndarray) -> np.ndarray:
        """Inputs (n, size, size, 3) as uint8 RGB to look at: their contrast."""
        return contrast_picture(np.nan_to_num(inputs))[..., list(self.space.channels)]


@dataclass(frozen=True)
class Fourier:
    """The spectrum of an image in decorrelated colours, moved with momentum and a weak decay.

    Olah, Mordvintsev & Schubert, "Feature Visualization" (2017), distill.pub: low frequencies get
    longer steps (each in proportion to 1 / frequency, as their amplitudes are in photographs), and
    colours change along uncorrelated axes. A sigmoid keeps pixels within 0–255, and an image's
    contrast is bounded (CONTRAST), so that no layer's pictures end in black, white and full colour.
    Parameters are the real and imaginary parts, (2, size, size // 2 + 1, 3).

    Adam would divide each coefficient's gradient by its own size: what hardly matters to the
    filter, colour above all in low layers, would move as far as what does.
    """

    space: InputSpace
    size: int
    step_size: float = 0.06

    @property
    def optimizer(self) -> optax.GradientTransformation:
        """Steps of root mean square `step_size`, with momentum; the image fades by DECAY a step."""
        return optax.chain(
            optax.stateless(lambda gradient, _: _of_unit_size(gradient, 1e-12)),
            optax.ema(MOMENTUM),
            optax.scale(self.step_size),
            optax.add_decayed_weights(-DECAY),
        )

    def noise(self, key: jax.Array) -> jax.Array:
        """Gray with a trace of coloured noise."""
        return 0.01 * jax.random.normal(key, (2, self.size, self.size // 2 + 1, 3), jnp.float32)

    def encode(self, inputs: jax.Array) -> jax.Array:
        """The spectrum of an input, of less contrast if that of the input is out of reach."""
        shares = jnp.clip(self.space.to_rgb(inputs) / 255, 0.01, 0.99)
        logits = jax.scipy.special.logit(shares)
        room = jnp.maximum(CONTRAST**2 - jnp.mean(logits**2), 0.01 * CONTRAST**2)
        planes = (logits * CONTRAST / jnp.sqrt(room)) @ (COLOUR_AXES / COLOUR_SPREAD).T
        spectrum = jnp.fft.rfft2(planes, axes=(0, 1), norm="ortho") / self._amplitudes()
        return jnp.stack([spectrum.real, spectrum.imag])

    def decode(self, parameters: jax.Array) -> jax.Array:
        """The input (size, size, 3) of a spectrum."""
        spectrum = lax.complex(parameters[0], parameters[1]) * self._amplitudes()
        shape = (self.size, self.size)
        planes = jnp.fft.irfft2(spectrum, shape, axes=(0, 1), norm="ortho")
        logits = planes @ (COLOUR_AXES * COLOUR_SPREAD)
        bounded = logits * CONTRAST / jnp.sqrt(CONTRAST**2 + jnp.mean(logits**2))
        return self.space.from_rgb(255 * jax.nn.sigmoid(bounded))

    def pictures(self, inputs: np.ndarray) -> np.ndarray:
        """Inputs (n, size, size, 3) as uint8 RGB to look at: the images that they are."""
        rgb = np.nan_to_num(self.space.to_rgb(inputs))
        return np.rint(np.clip(rgb, 0, 255)).astype(np.uint8)

    def _amplitudes(self) -> np.ndarray:
        """1 / frequency over 4, complex (size, size // 2 + 1, 1); in cycles per pixel."""
        vertical, horizontal = np.fft.fftfreq(self.size), np.fft.rfftfreq(self.size)
        frequency = np.hypot(vertical[:, None], horizontal[None, :])
        return (0.25 / np.maximum(frequency, 1 / self.size)).astype(np.complex64)[..., None]


def _of_unit_size(gradient: jax.Array, epsilon: float) -> jax.Array:
    """A gradient over its root mean square."""
    return gradient / (jnp.sqrt(jnp.mean(gradient**2)) + epsilon)
