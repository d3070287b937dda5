"""The real ImageNet weights give the numbers that another runtime gives.

`python -m pytest -m real` runs this on the file or folder that $VGGJAX_REAL_WEIGHTS names, else on
"imagenet" or "imagenet-notop" from the cache or the network; without either it is skipped. The
numbers of `TABLE` are the same weights' run with ONNX Runtime 1.32 in float32, on an image given by
a formula (`image`); those of `FIRST` and of a bias are prints of the network that others published.
"""

import os
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import pytest

from vggjax.features import outputs
from vggjax.model import build_vgg
from vggjax.weights import load_weights
from vggjax.weights.remote import obtainable, stored

pytestmark = pytest.mark.real

# Relative tolerances. Sums in another order differ by less: measured were 8e-7 for a layer's
# statistics, and a fifth of what is allowed to a channel's mean (half the layer's is added to one
# near 0). A thousandth of each weight of a layer, up or down, changes statistics by over 3e-5.
STATISTICS, CHANNELS = 3e-6, 2e-6
SIGNS = 3  # values so near 0 that they are positive in one runtime only; measured: 1
FAST = 1e-5  # of a layer's largest value, by fast forms of convolutions; measured: 2.3e-6

# Each layer's shape / mean, root mean square, largest value, share of positive values / where the
# largest is; and the means of its first eight channels.
TABLE = """\
block1_conv1: 224 224 64 / 38.7175984 76.911229 886.330566 0.505536138 / 1 208 51
  45.3812852 69.3778837 19.4515185 32.6627531 12.7669778 91.0297993 9.90744079 15.4420973
block1_conv2: 224 224 64 / 192.900314 395.828904 3547.65967 0.642016041 / 163 29 52
  155.720662 166.422434 487.793142 365.019085 600.10738 136.117585 94.2498338 270.5041
block2_conv1: 112 112 128 / 320.85858 611.686708 7731.11816 0.58867038 / 63 29 70
  0.791782782 138.443376 112.480385 790.736339 256.358011 340.519664 326.171217 399.779166
block2_conv2: 112 112 128 / 530.352131 1137.54687 11671.1289 0.497059102 / 51 64 20
  902.87515 619.191845 593.974274 582.973213 430.898236 137.04583 974.351404 220.544609
block3_conv1: 56 56 256 / 765.667843 1467.98345 17542.6699 0.532828195 / 32 46 87
  385.665877 397.775649 637.208497 1203.20967 6.81712707 825.61416 402.374062 910.828148
block3_conv2: 56 56 256 / 700.788293 1383.21252 17277.3926 0.442940848 / 7 38 138
  1120.37371 1626.94819 67.9472053 251.754998 400.482395 506.187604 513.779025 1081.22776
block3_conv3: 56 56 256 / 525.303529 1240.8277 17315.8066 0.342398507 / 55 0 54
  172.280823 382.57168 182.353533 14.7562952 193.766422 365.446838 394.162028 1983.43706
block4_conv1: 28 28 512 / 303.848258 765.396436 11856.832 0.282074597 / 7 27 461
  175.306599 69.106781 174.212443 28.9241606 41.8216269 31.9756522 83.8270159 268.088863
block4_conv2: 28 28 512 / 176.760384 425.860392 7459.75 0.296503807 / 27 27 24
  0.84082403 45.7255658 116.281705 34.8207122 209.624705 106.896833 143.373935 82.194909
block4_conv3: 28 28 512 / 41.2968088 152.030619 3333.63184 0.137540856 / 7 27 468
  12.3572084 5.21704832 32.3669871 0.397316329 18.1860503 3.94268409 59.7850169 11.9174349
block5_conv1: 14 14 512 / 41.1706585 110.992102 1536.67957 0.243223852 / 13 0 247
  30.2396441 275.277436 51.1865569 202.568201 48.5359113 17.2558166 0 2.98859638
block5_conv2: 14 14 512 / 16.1366663 50.319913 729.490601 0.184958945 / 0 0 55
  10.5534793 0.114298575 174.018117 1.795139 0 0.36838551 47.2234181 22.7241257
block5_conv3: 14 14 512 / 1.89580731 11.7593052 233.879074 0.0483199139 / 2 2 53
  0 0 0 0 0 0 0 0.0509281937
block5_pool: 7 7 512 / 2.90051399 14.9181325 233.879074 0.0735012755 / 1 1 53
  0 0 0 0 0 0 0 0.203712775
"""


@dataclass(frozen=True)
class Known:
    """A layer's rows of the table."""

    shape: tuple[int, ...]
    statistics: tuple[float, ...]
    positive: float
    largest_at: tuple[int, ...]
    channels: tuple[float, ...]

    @classmethod
    def parse(cls, line: str, channels: str) -> "Known":
        shape, values, where = line.split(" / ")
        *statistics, positive = map(float, values.split())
        place = tuple(map(int, where.split()))
        means = tuple(map(float, channels.split()))
        return cls(tuple(map(int, shape.split())), tuple(statistics), positive, place, means)


LINES = TABLE.splitlines()
KNOWN = {
    line.partition(": ")[0]: Known.parse(line.partition(": ")[2], channels)
    for line, channels in zip(LINES[::2], LINES[1::2], strict=True)
}
# The first element of kernels, and of the biases that are published with them.
FIRST = {
    "block1_conv1": (0.42947057, None),
    "block5_conv1": (-0.0006068934, None),
    "block5_conv2": (-0.0011261065, None),
    "block5_conv3": (0.00040788297, None),
    "fc1": (1.9745843e-05, -0.18869764),
    "fc2": (0.0039014784, 0.647107),
    "predictions": (0.0033880314, -0.2123236),
}


@pytest.fixture(scope="module")
def weights(users_caches):
    names = ("imagenet", "imagenet-notop")
    given = os.environ.get("VGGJAX_REAL_WEIGHTS")
    name = given or next(
        (name for test in (stored, obtainable) for name in names if test(name)), ""
    )
    if not name:
        pytest.skip(
            "ImageNet's weights are neither here nor within reach; name a file or a folder of them "
            "in $VGGJAX_REAL_WEIGHTS"
        )
    return load_weights(name)


@pytest.fixture(scope="module")
def image():
    """uint8 RGB (1, 224, 224, 3)."""
    y, x, c = np.ogrid[:224, :224, 1:4]
    return ((7 * y + 3 * x * c + 11 * c * ((y // 16) ^ (x // 16))) % 256).astype(np.uint8)[None]


@pytest.fixture(scope="module")
def activations(weights, image):
    return activations_of(weights, weights.params, image)


def activations_of(weights, params, image):
    vgg = build_vgg(weights.info.config, params, "block5_pool")
    return {name: np.asarray(rows)[0] for name, rows in vgg.activations(image, KNOWN).items()}


def assert_known(found, known):
    values = found.astype(np.float64)
    assert found.shape == known.shape
    statistics = values.mean(), np.sqrt((values**2).mean()), values.max()
    np.testing.assert_allclose(statistics, known.statistics, rtol=STATISTICS)
    assert np.unravel_index(found.argmax(), found.shape) == known.largest_at
    assert round(abs((found > 0).sum() - known.positive * found.size)) <= SIGNS
    silent = CHANNELS / 2 * known.statistics[0]
    means = values.mean((0, 1))[: len(known.channels)]
    np.testing.assert_allclose(means, known.channels, rtol=CHANNELS, atol=silent)


def test_the_image_and_its_preprocessing(weights, image):
    """RGB 6, 5, 4 at row 1, column 208, by hand; Keras' means of blue, green and red."""
    assert image[0, 1, 208].tolist() == [6, 5, 4]
    chain = weights.chain("preprocess")
    expected = 4 - 103.939, 5 - 116.779, 6 - 123.68
    np.testing.assert_allclose(chain(image)[0, 1, 208], expected, rtol=1e-6)
    np.testing.assert_array_equal(chain(image), chain(image.astype(np.float32)))


@pytest.mark.parametrize("layer", FIRST)
def test_parameters(weights, layer):
    if layer not in weights.params:
        pytest.skip(f"these weights have no {layer}")
    for role, first in zip(("kernel", "bias"), FIRST[layer], strict=True):
        assert first is None or weights.params[layer][role].flat[0] == np.float32(first)


def test_the_last_convolution_s_bias(weights):
    bias = weights.params["block5_conv3"]["bias"].astype(np.float64)
    found = bias.mean(), bias.std(), bias.min(), bias.max()
    expected = 0.14986369, 0.4928213, -0.50036746, 9.431553
    np.testing.assert_allclose(found, expected, rtol=2e-7)


@pytest.mark.parametrize("layer", KNOWN)
def test_activations(activations, layer):
    assert_known(activations[layer], KNOWN[layer])


def test_the_forward_pass_of_the_experiments(weights, image, activations):
    """Features come from fast forms of the same layers."""
    (found,) = outputs(weights.chain("block5_pool"), image, KNOWN)
    for layer, expected in activations.items():
        assert np.abs(found[layer][0] - expected).max() <= FAST * expected.max(), layer


def test_swapped_colours_are_noticed(weights, image):
    found = activations_of(weights, weights.params, image[..., ::-1])
    for layer, known in KNOWN.items():
        with pytest.raises(AssertionError):
            assert_known(found[layer], known)


@pytest.mark.parametrize("layer", ["block1_conv2", "block3_conv2", "block5_conv3"])
def test_a_thousandth_in_one_layer_is_noticed(weights, image, layer):
    kernel = weights.params[layer]["kernel"]
    noise = np.random.default_rng(0).choice([0.999, 1.001], kernel.shape).astype(np.float32)
    changed = {**weights.params[layer], "kernel": jnp.asarray(kernel * noise)}
    found = activations_of(weights, {**weights.params, layer: changed}, image)
    with pytest.raises(AssertionError):
        assert_known(found[layer], KNOWN[layer])
