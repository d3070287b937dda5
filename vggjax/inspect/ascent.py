"""Filter visualization by gradient ascent on the input (U4), many filters at once."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from vggjax.errors import DataError, LayerError
from vggjax.inspect.display import contrast_picture
from vggjax.inspect.parametrization import Fourier, Parametrization, Pixels
from vggjax.inspect.program import Program, climb
from vggjax.inspect.response import leading_part, require_convolution
from vggjax.inspect.result import Ascent, AscentConfig, Status, joined
from vggjax.inspect.space import InputSpace
from vggjax.model import Chain, output_shape

# What the activations of one chunk of filters may take, forward and backward, in bytes.
CHUNK_BYTES = 2**30
MOST = 16  # filters; more of them are no faster, and show their results later

OnChunk = Callable[[Ascent], None]


def ascend(
    chain: Chain,
    layer: str,
    filters: Sequence[int] | None = None,
    config: AscentConfig | None = None,
    *,
    start: np.ndarray | None = None,
    chunk: int | None = None,
    on_chunk: OnChunk | None = None,
) -> Ascent:
    """For each of `filters` of the convolution `layer` (all if None), an input that excites it.

    The loss that grows is the mean of the filter's activation, after ReLU, over its map. Inputs
    live in `InputSpace`: pixel values minus the channel means, in the network's channel order,
    which with 'caffe' preprocessing is exactly what the layers after `preprocess` see. As in the
    report, the random start (128 and a little noise) and the step (1) are numbers in that space;
    nothing is subtracted from them. `start` is an RGB image (size, size, 3) in 0–255 to begin with
    instead of noise: it is preprocessed, as any image is.

    A filter without a positive activation at the end is dead; with `config.rescue` it starts
    again and ascends its value before ReLU. The report stops a filter when its loss is ≤ 0: there
    the gradient is 0 as well, so that the input stays as it is here too.

    `chunk` filters ascend in one compiled program, as many as fit in memory by default. Each
    filter has its own random key, so the result doesn't depend on that (but for rounding).
    `on_chunk` gets each chunk's result as soon as it is there; filters that are rescued come twice.

    Raises LayerError if `layer` is no convolution of the chain or has no such filter, DataError if
    the image is too small for it or `start` has another shape.
    """
    config = config or AscentConfig()
    width = require_convolution(chain, layer).bias[...].shape[0]
    chosen = _checked(np.arange(width) if filters is None else filters, width, layer)
    space = InputSpace.of(chain["preprocess"])
    size = config.size or chain["preprocess"].image_size
    _check_size(chain.until(layer), size, config.border, layer)
    if chunk is not None and chunk < 1:
        raise DataError(f"A chunk must be at least 1 filter, not {chunk}.")
    chunk = chunk or _fitting(chain.until(layer), size)
    runner = _Runner(chain, layer, config, _parametrization(config, space, size), space, start)

    first = joined(list(runner.run(chosen, chunk, on_chunk)))
    dead = chosen[first.last_losses <= 0]
    if not (config.rescue and len(dead)):
        return first
    second = joined(list(runner.run(dead, chunk, on_chunk, rescue=True)))
    return first.replaced(second.select(second.last_losses > 0))


class _Runner:
    """Everything that the chunks of one ascent share."""

    def __init__(
        self,
        chain: Chain,
        layer: str,
        config: AscentConfig,
        way: Parametrization,
        space: InputSpace,
        start: np.ndarray | None,
    ) -> None:
        self.layer, self.config, self.way, self.space = layer, config, way, space
        self.program = Program.of(leading_part(chain, layer), chain[layer], way, space, config)
        self.start = None if start is None else _encoded(start, way, space)

    def run(
        self, filters: np.ndarray, chunk: int, on_chunk: OnChunk | None, rescue: bool = False
    ) -> Iterator[Ascent]:
        """The filters' results, chunk by chunk."""
        for part, padded in _chunks(filters, chunk):
            inputs, losses = climb(self.program, self.config.seed, padded, rescue, self.start)
            result = self._result(part, np.asarray(inputs), np.asarray(losses), rescue)
            if on_chunk:
                on_chunk(result)
            yield result

    def _result(
        self, filters: np.ndarray, inputs: np.ndarray, losses: np.ndarray, rescue: bool
    ) -> Ascent:
        inputs, losses = inputs[: len(filters)], losses[: len(filters)]
        living: Status = "rescued" if rescue else "alive"
        lives = losses[:, -1] > 0
        statuses: tuple[Status, ...] = tuple(living if life else "dead" for life in lives)
        return Ascent(self.layer, filters, inputs, self._pictures(inputs), losses, statuses)

    def _pictures(self, inputs: np.ndarray) -> np.ndarray:
        if isinstance(self.way, Fourier):  # an image already
            return np.rint(np.clip(self.space.to_rgb(inputs), 0, 255)).astype(np.uint8)
        return contrast_picture(inputs)[..., np.argsort(self.space.channels)]


def _parametrization(config: AscentConfig, space: InputSpace, size: int) -> Parametrization:
    way = Fourier(space, size) if config.fourier else Pixels(space, size)
    return replace(way, step_size=config.step_size) if config.step_size else way


def _encoded(start: np.ndarray, way: Parametrization, space: InputSpace) -> jax.Array:
    size = way.size
    if np.shape(start) != (size, size, 3):
        raise DataError(f"The start must be an image ({size}, {size}, 3), not {np.shape(start)}.")
    return way.encode(space.from_rgb(jnp.asarray(start)))


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


def _chunks(filters: np.ndarray, chunk: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The filters in chunks, and each chunk padded so that one program serves all."""
    size = min(len(filters), chunk)
    for start in range(0, len(filters), size):
        part = filters[start : start + size]
        yield part, np.pad(part, (0, size - len(part)), mode="edge")
