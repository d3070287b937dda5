"""What gradient ascent moves: the pixels themselves, or the image's spectrum.

Each class turns numbers to be moved into an input (size, size, 3) of `InputSpace` and back, for
one image; the ascent maps it over a batch. Its `optimizer` makes the gradient (of what is to grow)
the step to add.
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
COLOUR_AXES = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
COLOUR_SPREAD = np.array([[1.0], [0.4], [0.25]])


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
            gradient = self.space.per_network_unit(gradient)
            return self.step_size * (gradient / (jnp.sqrt(jnp.mean(gradient**2)) + 1e-5))

        return optax.stateless(update)

    def noise(self, key: jax.Array) -> jax.Array:
        """Gray noise, (size, size, 3)."""
        return (jax.random.uniform(key, (self.size, self.size, 3)) - 0.5) * 20 + 128

    def encode(self, inputs: jax.Array) -> jax.Array:
        """The input itself."""
        return inputs

    def decode(self, parameters: jax.Array) -> jax.Array:
        """The input itself."""
        return parameters

    def pictures(self, inputs: np.ndarray) -> np.ndarray:
        """Inputs (n, size, size, 3) as uint8 RGB to look at: their contrast."""
        return contrast_picture(inputs)[..., list(self.space.channels)]


@dataclass(frozen=True)
class Fourier:
    """The spectrum of an image in decorrelated colours, moved by Adam.

    Olah, Mordvintsev & Schubert, "Feature Visualization" (2017), distill.pub: low frequencies get
    longer steps (each in proportion to 1 / frequency, as their amplitudes are in photographs), and
    colours change along uncorrelated axes. A sigmoid keeps pixels within 0–255. Parameters are the
    real and imaginary parts, (2, size, size // 2 + 1, 3).
    """

    space: InputSpace
    size: int
    step_size: float = 0.05

    @property
    def optimizer(self) -> optax.GradientTransformation:
        """Adam, upwards."""
        return optax.chain(optax.scale_by_adam(), optax.scale(self.step_size))

    def noise(self, key: jax.Array) -> jax.Array:
        """Gray with a trace of coloured noise."""
        return 0.01 * jax.random.normal(key, (2, self.size, self.size // 2 + 1, 3))

    def encode(self, inputs: jax.Array) -> jax.Array:
        """The spectrum of an input; pixels within 1 % of black or white are moved to there."""
        shares = jnp.clip(self.space.to_rgb(inputs) / 255, 0.01, 0.99)
        planes = jax.scipy.special.logit(shares) @ (COLOUR_AXES / COLOUR_SPREAD).T
        spectrum = jnp.fft.rfft2(planes, axes=(0, 1), norm="ortho") / self._amplitudes()
        return jnp.stack([spectrum.real, spectrum.imag])

    def decode(self, parameters: jax.Array) -> jax.Array:
        """The input (size, size, 3) of a spectrum."""
        spectrum = lax.complex(parameters[0], parameters[1]) * self._amplitudes()
        shape = (self.size, self.size)
        planes = jnp.fft.irfft2(spectrum, shape, axes=(0, 1), norm="ortho")
        return self.space.from_rgb(255 * jax.nn.sigmoid(planes @ (COLOUR_AXES * COLOUR_SPREAD)))

    def pictures(self, inputs: np.ndarray) -> np.ndarray:
        """Inputs (n, size, size, 3) as uint8 RGB to look at: the images that they are."""
        return np.rint(np.clip(self.space.to_rgb(inputs), 0, 255)).astype(np.uint8)

    def _amplitudes(self) -> np.ndarray:
        """1 / frequency over 4, complex (size, size // 2 + 1, 1); in cycles per pixel."""
        vertical, horizontal = np.fft.fftfreq(self.size), np.fft.rfftfreq(self.size)
        frequency = np.hypot(vertical[:, None], horizontal[None, :])
        return (0.25 / np.maximum(frequency, 1 / self.size)).astype(np.complex64)[..., None]
