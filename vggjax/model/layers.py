"""The kinds of layer that a chain is made of, as Flax NNX modules, and the registry of them."""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from vggjax.errors import LayerError
from vggjax.model import kernels
from vggjax.model.config import Preprocessing


class Normalization(NamedTuple):
    """What a network expects of pixels in 0–255: (x / `over` − `mean`) / `deviation`, by channel.

    `bgr` is whether its channels are the other way round; mean and deviation are in its order.
    """

    over: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    deviation: tuple[float, float, float] = (1.0, 1.0, 1.0)
    bgr: bool = False


NORMALIZATIONS: Mapping[Preprocessing, Normalization] = {
    "caffe": Normalization(mean=(103.939, 116.779, 123.68), bgr=True),  # ImageNet's, Keras' VGG16
    "torch": Normalization(255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),  # torchvision's
    "unit": Normalization(255),  # Keras' Rescaling(1/255)
    "tf": Normalization(127.5, (1.0, 1.0, 1.0)),  # Keras' Rescaling(1/127.5, offset=-1)
    "raw": Normalization(),
}

TINY = 1e-30  # keeps roots of zero, and their gradients, finite


class Layer(nnx.Module):
    """A layer of a chain: its constructor takes its arrays and its `settings` by name.

    `kind` is what it is called in files, `settings` are the attributes that its function depends
    on beside its arrays. Raise `version` when the same arrays, settings and input give another
    output: cached features are then computed again. Without `learned`, its arrays stay as they
    are when a head that holds it is trained.
    """

    kind: ClassVar[str]
    settings: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1
    learned: ClassVar[bool] = True


class Preprocess(Layer):
    """RGB in 0–255, (B, H, W, 3) uint8 or float → what the weights were trained on, float32.

    `mode` is one of NORMALIZATIONS: 'caffe' is BGR minus ImageNet's channel means (Keras' VGG16);
    'torch' is RGB in 0–1, minus the means, over the deviations (torchvision's); 'unit' is 0–1, 'tf'
    −1 … 1, 'raw' as it comes. `image_size` is the side the weights expect.
    """

    kind = "preprocess"
    settings = ("mode", "image_size")

    def __init__(self, mode: Preprocessing, image_size: int):
        self.mode = mode
        self.image_size = image_size

    def __call__(self, images: jax.Array) -> jax.Array:
        how = NORMALIZATIONS[self.mode]
        x = jnp.asarray(images, jnp.float32)
        x = (x[..., ::-1] if how.bgr else x) / how.over
        deviation = jnp.asarray(how.deviation, jnp.float32).reshape(1, 1, 1, 3)
        return kernels.add_bias(x, -jnp.asarray(how.mean, jnp.float32)) / deviation


class Convolution(Layer):
    """3×3 convolution, 'same' padding, then ReLU."""

    kind = "convolution"
    version = 2

    def __init__(self, kernel: jax.Array, bias: jax.Array):
        self.kernel = nnx.Param(kernel)
        self.bias = nnx.Param(bias)

    def __call__(self, x: jax.Array) -> jax.Array:
        return jax.nn.relu(kernels.convolution(x, self.kernel[...], self.bias[...]))


class MaxPool(Layer):
    """2×2 maximum with stride 2."""

    kind = "pool"

    def __call__(self, x: jax.Array) -> jax.Array:
        return kernels.max_pool(x)


class MeanMap(Layer):
    """The mean of each map: (B, H, W, C) → (B, C)."""

    kind = "mean_map"

    def __call__(self, x: jax.Array) -> jax.Array:
        return x.mean((1, 2))


class Flatten(Layer):
    """(B, H, W, C) → (B, H·W·C), rows first, as Keras does."""

    kind = "flatten"

    def __call__(self, x: jax.Array) -> jax.Array:
        return x.reshape(x.shape[0], -1)


class Power(Layer):
    """Each value x ≥ 0 to the power `exponent`, as 0.5 for square roots; below zero it is 0.

    Few large values then no longer outweigh the rest. Raises LayerError unless 0 < exponent ≤ 1.
    """

    kind = "power"
    settings = ("exponent",)

    def __init__(self, exponent: float):
        if not 0 < exponent <= 1:
            raise LayerError(f"An exponent must be above 0 and at most 1, not {exponent:g}.")
        self.exponent = float(exponent)

    def __call__(self, x: jax.Array) -> jax.Array:
        positive = x > 0
        base = jnp.where(positive, x, 1)  # at zero the gradient would be infinite
        power = jnp.sqrt(base) if self.exponent == 0.5 else base**self.exponent
        return jnp.where(positive, power, 0)


class Center(Layer):
    """x − mean for each feature, (B, *shape); the mean (*shape) is that of training features."""

    kind = "center"
    learned = False

    def __init__(self, mean: jax.Array):
        self.mean = nnx.Param(mean)

    def __call__(self, x: jax.Array) -> jax.Array:
        return x - self.mean[...][None]


class UnitLength(Layer):
    """Rows (B, n) divided by their Euclidean length; a row of zeros stays."""

    kind = "unit_length"

    def __call__(self, x: jax.Array) -> jax.Array:
        return unit_length(x)


class Pyramid(Layer):
    """Maps (B, H, W, C) → (B, H·W·C + C): where each thing is, and how much of it there is at all.

    The maps as they are, flattened, beside each map's root mean square; both parts are scaled to
    length 1. Two levels of a spatial pyramid (Lazebnik et al., CVPR 2006).
    """

    kind = "pyramid"

    def __call__(self, x: jax.Array) -> jax.Array:
        flat = unit_length(x.reshape(x.shape[0], -1))
        # Of the scaled maps, so that large activations can't overflow when they are squared.
        squares = (flat.reshape(x.shape) ** 2).mean((1, 2))
        return jnp.concatenate([flat, unit_length(jnp.sqrt(jnp.maximum(squares, TINY)))], axis=-1)


class Windows(Layer):
    """Every `side` × `side` window of maps, flattened: (B, H, W, C) → (B, rows, columns, side²·C).

    There are H − side + 1 rows of windows and W − side + 1 columns. Dense layers that follow work
    on each window, as convolutions would.
    """

    kind = "windows"
    settings = ("side",)

    def __init__(self, side: int):
        self.side = side

    def __call__(self, x: jax.Array) -> jax.Array:
        rows, columns = (length - self.side + 1 for length in x.shape[1:3])
        across = jnp.stack([x[:, :, i : i + columns] for i in range(self.side)], axis=3)
        cut = jnp.stack([across[:, i : i + rows] for i in range(self.side)], axis=3)
        return cut.reshape(*cut.shape[:3], -1)


class WindowMean(Layer):
    """The mean of all `side` × `side` windows of maps: (B, H, W, C) → (B, side, side, C)."""

    kind = "window_mean"
    settings = ("side",)

    def __init__(self, side: int):
        self.side = side

    def __call__(self, x: jax.Array) -> jax.Array:
        for axis in (1, 2):
            count = x.shape[axis] - self.side + 1
            first, *others = (
                jax.lax.slice_in_dim(x, start, start + self.side, axis=axis)
                for start in range(count)
            )
            x = sum(others, first) / count
        return x


class Dense(Layer):
    """Affine map of (B, …, n), followed by ReLU or by nothing (logits)."""

    kind = "dense"
    settings = ("relu",)
    version = 2

    def __init__(self, kernel: jax.Array, bias: jax.Array, relu: bool = False):
        self.kernel = nnx.Param(kernel)
        self.bias = nnx.Param(bias)
        self.relu = relu

    def __call__(self, x: jax.Array) -> jax.Array:
        y = kernels.add_bias(x @ self.kernel[...], self.bias[...])
        return jax.nn.relu(y) if self.relu else y


class Standardize(Layer):
    """(x − mean) · scale for each feature, (B, *shape); `scale` is one over the deviation.

    Both (*shape) come from training features (see `vggjax.training.standardizing`), they are not
    learned; a scale of 0 leaves a feature out.
    """

    kind = "standardize"
    learned = False

    def __init__(self, mean: jax.Array, scale: jax.Array):
        self.mean = nnx.Param(mean)
        self.scale = nnx.Param(scale)

    def __call__(self, x: jax.Array) -> jax.Array:
        return (x - self.mean[...][None]) * self.scale[...][None]


class Temperature(Layer):
    """Logits (B, n) → probabilities softmax(a / T); a higher temperature T evens them out (B1).

    Raises LayerError for a temperature that isn't above zero.
    """

    kind = "temperature"
    settings = ("temperature",)

    def __init__(self, temperature: float):
        if not temperature > 0:
            raise LayerError(f"A temperature must be above zero, not {temperature:g}.")
        self.temperature = float(temperature)

    def __call__(self, x: jax.Array) -> jax.Array:
        return jax.nn.softmax(x / self.temperature, axis=-1)


LAYERS = (
    *(Preprocess, Convolution, MaxPool, MeanMap, Flatten, Dense, Standardize, Temperature),
    *(Power, Pyramid, Center, UnitLength, Windows, WindowMean),
)
KINDS: dict[str, type[Layer]] = {layer.kind: layer for layer in LAYERS}


def unit_length(rows: jax.Array) -> jax.Array:
    """Rows (B, n) of length 1; a row of zeros stays."""
    return rows * jax.lax.rsqrt(jnp.maximum((rows * rows).sum(-1, keepdims=True), TINY))


def make_layer(kind: str, settings: Mapping[str, Any], arrays: Mapping[str, Any]) -> Layer:
    """The layer of a registered `kind`; LayerError if this version doesn't know it."""
    if kind not in KINDS:
        raise LayerError(f"There is no kind of layer '{kind}'; there are {', '.join(KINDS)}.")
    values = {name: jnp.asarray(array) for name, array in arrays.items()}
    return KINDS[kind](**values, **settings)


def settings_of(layer: Layer) -> dict[str, Any]:
    """The settings by which `make_layer` makes such a layer."""
    return {name: getattr(layer, name) for name in layer.settings}


def as_layer(module: nnx.Module) -> Layer:
    """`module` itself; LayerError if it is no Layer: nobody knows what its output depends on."""
    if not isinstance(module, Layer):
        raise LayerError(
            f"A layer of the class {type(module).__name__} has no identity; derive it from "
            "vggjax.model.Layer and name its settings."
        )
    return module
