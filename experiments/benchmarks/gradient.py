"""Workload d: forward and the gradient with respect to the images, as visualization steps do."""

from functools import partial

import numpy as np

from benchmarks import flax_arms, networks, pytorch
from benchmarks.distances import overall_error
from benchmarks.measure import Arm, compare
from benchmarks.networks import Network
from benchmarks.results import Comparison
from benchmarks.sizes import Sizes

# Two correct float32 gradients part where a ReLU's input, or the difference of two values in a
# pooling window, is zero up to rounding: 2e-3 overall, and so much from float64 too.
_TOLERANCE = 1e-2


def forward_and_gradient(sizes: Sizes) -> list[Comparison]:
    """One mean activation for each image of a batch, and its gradient."""
    network = Network.random(sizes.network, sizes.visualized_layer)
    chain, count, side = network.chain(), sizes.visualized, sizes.visualized_side
    images = networks.noise_images(count, side)
    x = networks.prepared(chain, images)
    width = network.table[-1].kernel[-1]
    channels = np.random.default_rng(0).integers(width, size=count)
    arms = [
        Arm("this project", partial(networks.input_gradient, chain, images, channels)),
        Arm("PyTorch", partial(pytorch.input_gradient, network, x, channels), _TOLERANCE),
        Arm("plain Flax NNX", partial(flax_arms.input_gradient, network, x, channels), _TOLERANCE),
    ]
    return [
        Comparison(
            "d",
            f"forward and input gradient: {count} images of {side} px, {network.layer}",
            tuple(compare(arms, sizes.rounds, distance=overall_error)),
            units=count,
            unit="steps",
            notes=(
                "one step: one image's mean activation of a channel, and its gradient",
                "error: length of the difference / length of this project's gradient",
            ),
        )
    ]
