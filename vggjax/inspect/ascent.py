"""Filter visualization by gradient ascent on the input (U4), many filters at once."""

import math
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from vggjax.errors import DataError, LayerError
from vggjax.inspect.parametrization import Fourier, Pixels
from vggjax.inspect.program import Plan, run_ascent
from vggjax.inspect.response import Response, require_convolution
from vggjax.inspect.result import Ascent, AscentConfig, joined
from vggjax.inspect.space import InputSpace
from vggjax.model import Chain, output_shape

# What the activations of one chunk of filters may take, forward and backward, in bytes.
CHUNK_BYTES = 2**30
MOST = 16  # filters; more of them are no faster, and show their results later


def ascend(
    chain: Chain,
    layer: str,
    filters: Sequence[int] | None = None,
    config: AscentConfig | None = None,
    *,
    start: np.ndarray | None = None,
    chunk: int | None = None,
) -> Ascent:
    """For each of `filters` of the convolution `layer` (all if None), an input that excites it.

    What grows is the mean of the filter's activation over its map, as `config` counts it. Inputs
    live in `InputSpace`, where the reference's start (128 and a little noise) and step (1) are
    numbers. `start` is an RGB image (size, size, 3) in 0–255 to begin with instead of noise: it is
    preprocessed, as any image is; each filter begins anew with it. (The reference's program handed
    each filter's picture to the next filter as its start.)

    `AscentConfig.reference()` is the reference's recipe (U4). It stops a filter when its loss is
    ≤ 0: there the gradient is 0 as well, so that the input stays as it is here too.

    `chunk` filters ascend in one compiled program, as many as fit in memory by default. Each
    filter has its own random key, so the result doesn't depend on that (but for rounding).

    Raises LayerError if `layer` is no convolution of the chain or has no such filter, DataError if
    the image is too small for it or `start` has another shape.

    >>> import vggjax
    >>> config = AscentConfig(steps=3, size=16)
    >>> ascend(vggjax.load_vgg("demo"), "block2_conv1", [0, 5], config).pictures.shape
    (2, 16, 16, 3)
    """
    return joined(list(growing_ascents(chain, layer, filters, config, start=start, chunk=chunk)))


def growing_ascents(
    chain: Chain,
    layer: str,
    filters: Sequence[int] | None = None,
    config: AscentConfig | None = None,
    *,
    start: np.ndarray | None = None,
    chunk: int | None = None,
    every: int | None = None,
) -> Iterator[Ascent]:
    """What `ascend` finds while it does: each chunk's result as it grows.

    It comes after half of `every` steps, `every` some steps, and at the end (None: only then); the
    last of a chunk has all of the configuration's steps. Errors as `ascend`, at once.
    """
    width = require_convolution(chain, layer).bias[...].shape[0]
    chosen = _checked(np.arange(width) if filters is None else filters, width, layer)
    return _Runner(chain, layer, config or AscentConfig(), start, chunk).run(chosen, every)


class _Runner:
    """Everything that the chunks of one ascent share; errors as `ascend`."""

    def __init__(
        self,
        chain: Chain,
        layer: str,
        config: AscentConfig,
        start: np.ndarray | None,
        chunk: int | None,
    ) -> None:
        part, size = chain.until(layer), config.size or chain.image_size
        _check_size(part, size, config.border, layer)
        if chunk is not None and chunk < 1:
            raise DataError(f"A chunk must be at least 1 filter, not {chunk}.")
        self.layer, self.config, self.chunk = layer, config, chunk or _fitting(part, size)
        kind: type[Fourier | Pixels] = Fourier if config.fourier else Pixels
        space, step_size = InputSpace.of(chain["preprocess"]), config.step_size or kind.step_size
        self.parametrization = kind(space, size, step_size)
        self.start = None if start is None else _encoded(start, self.parametrization)
        graph, weights = nnx.split(Response(chain, layer))
        self.plan = Plan(graph, self.parametrization, config.jitter, config.border, config.leak)
        self.weights = nnx.to_pure_dict(weights)

    def run(self, filters: np.ndarray, every: int | None) -> Iterator[Ascent]:
        """The filters' results, chunk by chunk, each padded so that one program serves all."""
        size = min(len(filters), self.chunk)
        for part in np.split(filters, range(size, len(filters), size)):
            padded = np.pad(part, (0, size - len(part)), mode="edge")
            for found in run_ascent(
                self.plan, self.weights, self.config, padded, self.start, every
            ):
                inputs, losses = np.asarray(found[0])[: len(part)], np.asarray(found[1])
                after, before = losses[:, : len(part)]
                pictures = self.parametrization.pictures(inputs)
                yield Ascent(self.layer, part, inputs, pictures, after, before)


def _encoded(start: np.ndarray, parametrization: Fourier | Pixels) -> jax.Array:
    size = parametrization.size
    if np.shape(start) != (size, size, 3):
        raise DataError(f"The start must be an image ({size}, {size}, 3), not {np.shape(start)}.")
    return parametrization.encode(parametrization.space.from_rgb(jnp.asarray(start)))


def _checked(filters: Sequence[int] | np.ndarray, width: int, layer: str) -> np.ndarray:
    chosen = np.asarray(filters, np.int32).reshape(-1)
    wrong = chosen[(chosen < 0) | (chosen >= width)]
    if len(wrong):
        raise LayerError(f"{layer} has no filter {wrong[0]}; it has 0 to {width - 1}.")
    if not len(chosen) or len(set(chosen.tolist())) < len(chosen):
        raise LayerError("Name at least one filter, and none twice.")
    return chosen


def _check_size(part: Chain, size: int, border: int, layer: str) -> None:
    height = output_shape(part, (size, size, 3))[0]
    if height < 1:
        raise DataError(f"An image of {size} pixels is too small for {layer}; take a larger one.")
    if height <= 2 * border:
        raise DataError(
            f"At {size} pixels the maps of {layer} are {height} x {height}; a border of {border} "
            "leaves nothing of them."
        )


def _fitting(part: Chain, size: int) -> int:
    """How many images of `size` pixels to ascend at a time: 1, or a multiple of 8 if it can be."""
    total, x = 0, jax.ShapeDtypeStruct((1, size, size, 3), np.float32)
    for name in part.names:
        x = jax.eval_shape(part[name], x)
        total += 4 * math.prod(x.shape)
    count = max(1, CHUNK_BYTES // (3 * total))
    return count if count < 8 else min(MOST, count // 8 * 8)
