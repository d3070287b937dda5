"""The kinds of layer that a chain is made of, as Flax NNX modules."""

import jax
import jax.numpy as jnp
from flax import nnx

from vggjax.errors import LayerError
from vggjax.model import kernels
from vggjax.model.config import Preprocessing

# Channel means of ImageNet: BGR in 0–255 (Keras 'caffe'), and RGB in 0–1 with deviations (torch).
CAFFE_MEAN = (103.939, 116.779, 123.68)
TORCH_MEAN = (0.485, 0.456, 0.406)
TORCH_DEVIATION = (0.229, 0.224, 0.225)


class Preprocess(nnx.Module):
    """RGB in 0–255, (B, H, W, 3) uint8 or float → what the weights were trained on, float32.

    'caffe' is BGR minus the channel means (Keras' VGG16); 'torch' is RGB scaled to [0, 1], minus
    the means, over the deviations (torchvision's). `image_size` is the side the weights expect.
    """

    def __init__(self, mode: Preprocessing, image_size: int):
        self.mode = mode
        self.image_size = image_size

    def __call__(self, images: jax.Array) -> jax.Array:
        x = jnp.asarray(images, jnp.float32)
        if self.mode == "caffe":
            return kernels.add_bias(x[..., ::-1], -jnp.asarray(CAFFE_MEAN, jnp.float32))
        deviation = jnp.asarray(TORCH_DEVIATION, jnp.float32).reshape(1, 1, 1, 3)
        return kernels.add_bias(x / 255, -jnp.asarray(TORCH_MEAN, jnp.float32)) / deviation


class Convolution(nnx.Module):
    """3×3 convolution, 'same' padding, then ReLU."""

    def __init__(self, kernel: jax.Array, bias: jax.Array):
        self.kernel = nnx.Param(kernel)
        self.bias = nnx.Param(bias)

    def __call__(self, x: jax.Array) -> jax.Array:
        return jax.nn.relu(kernels.convolution(x, self.kernel[...], self.bias[...]))


class MaxPool(nnx.Module):
    """2×2 maximum with stride 2."""

    def __call__(self, x: jax.Array) -> jax.Array:
        return kernels.max_pool(x)


class Flatten(nnx.Module):
    """(B, H, W, C) → (B, H·W·C), rows first, as Keras does."""

    def __call__(self, x: jax.Array) -> jax.Array:
        return x.reshape(x.shape[0], -1)


class Dense(nnx.Module):
    """Affine map, followed by ReLU or by nothing (logits)."""

    def __init__(self, kernel: jax.Array, bias: jax.Array, relu: bool = False):
        self.kernel = nnx.Param(kernel)
        self.bias = nnx.Param(bias)
        self.relu = relu

    def __call__(self, x: jax.Array) -> jax.Array:
        y = kernels.dense(x, self.kernel[...], self.bias[...])
        return jax.nn.relu(y) if self.relu else y


class Standardize(nnx.Module):
    """(x − mean) · scale for each feature, (B, *shape); `scale` is one over the deviation.

    Both (*shape) come from training features (see `vggjax.transfer.standardizing`); a scale of 0
    leaves a feature out. They are parameters, so they are saved with the chain, and frozen unless
    the layer is named among those to train.
    """

    def __init__(self, mean: jax.Array, scale: jax.Array):
        self.mean = nnx.Param(mean)
        self.scale = nnx.Param(scale)

    def __call__(self, x: jax.Array) -> jax.Array:
        return (x - self.mean[...][None]) * self.scale[...][None]


class Temperature(nnx.Module):
    """Logits (B, n) → probabilities softmax(a / T); a higher temperature T evens them out (B1).

    Raises LayerError for a temperature that isn't above zero.
    """

    def __init__(self, temperature: float):
        if not temperature > 0:
            raise LayerError(f"A temperature must be above zero, not {temperature:g}.")
        self.temperature = float(temperature)

    def __call__(self, x: jax.Array) -> jax.Array:
        return jax.nn.softmax(x / self.temperature, axis=-1)
