"""Workload a: the frozen network's features, which is where the time goes."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks import flax, keras, onnx, openvino, ours, pytorch
from benchmarks.exact import exact_features
from benchmarks.inputs import Network, Sizes, photo
from benchmarks.measure import Arm, compare
from benchmarks.results import Comparison
from vggjax.model import Chain

TOLERANCE = 1e-5  # of this project's float32 against float64, relative to the largest value
_EXACT = 2  # images computed in float64, which takes a second each
_MORE_TURNS = 3  # for batches that take less time than the usual one, and vary more
_NOTES = (
    "error: largest difference / largest value, from NumPy in float64, over the first images; all "
    "images are compared with this project's",
    "this project alone preprocesses within its time; inputs of others are laid out beforehand",
)


def frozen_features(sizes: Sizes) -> Iterator[Comparison]:
    """Batches of images until some layers, in every library."""
    side, count = sizes.network.image_size, max(sizes.batches)
    images = np.stack([photo(number, (side, side)) for number in range(count)])
    for layer in sizes.layers:
        network = Network.random(sizes.network, layer)
        x, chain = network.prepared(images), network.chain()
        exact = exact_features(network, x[:_EXACT])
        for batch in sizes.batches:
            arms = [*_ours(chain, images[:batch]), *_fast(network, x[:batch])]
            arms += _options(chain, images[:batch]) if batch < sizes.batch else []
            arms += _slow(network, x[:batch]) if batch == sizes.batch else []
            rounds = sizes.rounds * (1 if batch >= sizes.batch else _MORE_TURNS)
            rows = compare(arms, rounds, exact=exact[:batch])
            title = f"frozen features: {batch} images of {side} px until {layer}"
            yield Comparison(
                f"a {layer} {batch}", title, rows, batch, notes=_NOTES, column=f"{layer}, {batch}"
            )


def _ours(chain: Chain, images: np.ndarray) -> Iterator[Arm]:
    yield Arm("this project", partial(ours.forward, chain, images), TOLERANCE, ours=True)


def _options(chain: Chain, images: np.ndarray) -> Iterator[Arm]:
    """This project with fewer bits, whose error is reported only."""
    for option in ours.PRECISIONS:
        make = partial(ours.forward, chain, images, option)
        yield Arm(f"this project, {option}", make, None, ours=True)


def _fast(network: Network, x: np.ndarray) -> Iterator[Arm]:
    """Those that are measured at each batch size."""
    yield Arm("ONNX Runtime", partial(onnx.forward, network, x))
    for name, dtype, tolerance in (("", "f32", 1e-4), (" bfloat16", "bf16", None)):
        yield Arm(f"OpenVINO{name}", partial(openvino.forward, network, x, dtype), tolerance)
    for compiled in (False, True):
        name = "PyTorch compiled" if compiled else "PyTorch"
        forward = partial(pytorch.forward, network, x, compiled=compiled)
        yield Arm(name, forward)
        yield Arm(f"{name} bfloat16", partial(forward, dtype="bfloat16"), None)


def _slow(network: Network, x: np.ndarray) -> list[Arm]:
    return [
        Arm("Keras 3 on JAX", partial(keras.forward, network, x)),
        Arm("plain Flax NNX", partial(flax.forward, network, x)),
        Arm("flaxmodels", partial(flax.flaxmodels_forward, network, x)),
    ]
