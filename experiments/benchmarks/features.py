"""Workload a: the frozen network's features of one batch, which is where the time goes."""

from functools import partial

from benchmarks import exact, flax_arms, keras_arm, networks, pytorch
from benchmarks.measure import Arm, Reference, compare
from benchmarks.networks import Network
from benchmarks.results import Comparison
from benchmarks.sizes import Sizes

_CHECKED = 2  # images compared with the float64 reference, which takes a second each


def frozen_features(sizes: Sizes) -> list[Comparison]:
    """One batch of images until `sizes.layer`, in every library; float32 but for one arm."""
    network = Network.random(sizes.network, sizes.layer)
    chain, side = network.chain(), sizes.network.image_size
    images = networks.random_images(sizes.batch, side)
    x = networks.prepared(chain, images)
    arms = [
        Arm("this project", partial(networks.forward, chain, images)),
        Arm("PyTorch", partial(pytorch.forward, network, x)),
        Arm("PyTorch bfloat16", partial(pytorch.forward, network, x, bfloat16=True), None),
        Arm("Keras 3 on JAX", partial(keras_arm.forward, network, x)),
        Arm("plain Flax NNX", partial(flax_arms.forward, network, x)),
        Arm("flaxmodels", partial(flax_arms.flaxmodels_forward, network, x)),
    ]
    reference = Reference(exact.exact_features(network, x[:_CHECKED]), exact.TOLERANCE)
    rows = compare(arms, sizes.rounds, reference)
    return [
        Comparison(
            "a",
            f"frozen features: {sizes.batch} images of {side} px until {sizes.layer}",
            tuple(rows),
            units=sizes.batch,
            notes=(
                "error: largest difference / largest value; of this project, from NumPy in "
                "float64; of the others, from this project",
                "PyTorch runs channels-last; this project alone preprocesses within its time",
            ),
        )
    ]
