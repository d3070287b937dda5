"""Workload d: forward and the gradient with respect to the images, as visualization steps do."""

from functools import partial

import numpy as np

from benchmarks import flax, ours, pytorch
from benchmarks.inputs import Network, Sizes
from benchmarks.measure import Arm, compare
from benchmarks.results import Comparison

# Two correct float32 gradients part where a ReLU's input, or the difference of two values in a
# pooling window, is zero up to rounding: 2e-3 overall, and so much from float64 too.
_TOLERANCE = 1e-2
_NOTES = (
    "one step: one image's mean activation of a channel, and its gradient",
    "error: length of the difference / length of this project's gradient",
)


def forward_and_gradient(sizes: Sizes) -> list[Comparison]:
    """One mean activation for each image of a batch, and its gradient."""
    network = Network.random(sizes.network, "block5_conv3")
    count, side, chain = sizes.visualized, sizes.visualized_side, network.chain()
    # Grey with a little noise, as visualization starts: RGB (count, side, side, 3).
    noise = np.random.default_rng(0).uniform(108, 148, (count, side, side, 3))
    images = noise.astype(np.float32)
    x = network.prepared(images)
    width = network.params[network.layer]["bias"].size
    channels = np.random.default_rng(0).integers(width, size=count)
    arms = [
        Arm("this project", partial(ours.input_gradient, chain, images, channels), ours=True),
        Arm("PyTorch", partial(pytorch.input_gradient, network, x, channels), _TOLERANCE),
        Arm("plain Flax NNX", partial(flax.input_gradient, network, x, channels), _TOLERANCE),
    ]
    title = f"forward and input gradient: {count} images of {side} px, {network.layer}"
    rows = compare(arms, sizes.rounds, order=2)
    return [Comparison("d", title, rows, units=count, unit="steps", notes=_NOTES)]
