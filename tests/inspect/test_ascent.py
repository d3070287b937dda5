from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vggjax.errors import DataError, LayerError
from vggjax.inspect import AscentConfig, InputSpace, ascend, contrast_picture, growing_ascents
from vggjax.inspect.parametrization import Fourier
from vggjax.inspect.result import joined
from vggjax.model import Chain, VGGConfig, build_vgg
from vggjax.model.layers import Convolution, Preprocess

LAYER = "block2_conv2"
FEW = AscentConfig.reference(steps=5, size=16)


def reference_start(number, size=16, seed=0):
    key = jax.random.fold_in(jax.random.key(seed), number)
    return np.asarray((jax.random.uniform(key, (size, size, 3), jnp.float32) - 0.5) * 20 + 128)


def reference_loop(chain, layer, number, start, steps):
    """Row U4, step by step: the input that the layers after `preprocess` see, and the losses."""
    inner = chain.after("preprocess").until(layer)

    def loss(x):
        return jnp.mean(inner(x[None])[0, :, :, number])

    x, losses = np.asarray(start), []
    for _ in range(steps):
        value, gradient = jax.value_and_grad(loss)(jnp.asarray(x))
        losses.append(float(value))
        gradient = np.asarray(gradient)
        x = x + 1.0 * gradient / (np.sqrt(np.mean(gradient**2)) + 1e-5)
    return x, [*losses, float(loss(jnp.asarray(x)))]


@pytest.mark.parametrize(
    ("layer", "given"), [("block1_conv1", False), (LAYER, False), (LAYER, True)]
)
def test_the_reference_recipe_is_its_loop(small_vgg, small_images, layer, given):
    """From the reference's noise, or from an image, which is preprocessed."""
    image = small_images[0][:16, :16] if given else None
    start = small_vgg["preprocess"](image[None])[0] if given else reference_start(3, seed=7)
    result = ascend(small_vgg, layer, [3], AscentConfig.reference(size=16, seed=7), start=image)
    x, losses = reference_loop(small_vgg, layer, 3, start, 20)
    np.testing.assert_allclose(result.inputs[0], x, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(result.losses[0], losses, rtol=1e-4)
    assert losses[-1] > losses[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "config", [FEW, replace(FEW, jitter=3), AscentConfig(steps=5, size=16, jitter=2)]
)
def test_batched_equals_one_by_one_and_any_chunking(small_vgg, config):
    together = ascend(small_vgg, LAYER, range(6), config)
    chunks = ascend(small_vgg, LAYER, range(6), config, chunk=4)  # the second is padded
    single = joined([ascend(small_vgg, LAYER, [n], config) for n in range(6)])
    for other in (chunks, single):
        np.testing.assert_allclose(other.losses, together.losses, rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(other.inputs, together.inputs, rtol=1e-4, atol=1e-3)


def test_results_grow_chunk_by_chunk(small_vgg):
    """Every other step, at first after half of that, and at the end, which is `ascend`'s."""
    parts = list(growing_ascents(small_vgg, LAYER, range(6), FEW, chunk=4, every=2))
    assert [(part.filters.tolist(), part.steps) for part in parts] == [
        *(([0, 1, 2, 3], steps) for steps in (1, 2, 4, 5)),
        *(([4, 5], steps) for steps in (1, 2, 4, 5)),
    ]
    ends = growing_ascents(small_vgg, LAYER, range(6), FEW, chunk=4)
    assert [part.steps for part in ends] == [5, 5], "nothing on the way unless it is asked for"
    whole = ascend(small_vgg, LAYER, range(6), FEW, chunk=4)
    np.testing.assert_array_equal(whole.inputs[:4], parts[3].inputs)
    early = ascend(small_vgg, LAYER, range(4), replace(FEW, steps=2), chunk=4)
    np.testing.assert_array_equal(early.inputs, parts[1].inputs)
    np.testing.assert_array_equal(early.losses, parts[1].losses)


def test_wide_networks_take_the_fast_kernels(random_tree):
    config = VGGConfig(widths=(32, 32), depths=(2, 2), image_size=16, top=False)
    chain = build_vgg(config, random_tree(config))
    result = ascend(chain, LAYER, [2], FEW)
    x, losses = reference_loop(chain, LAYER, 2, reference_start(2), 5)
    np.testing.assert_allclose(result.losses[0], losses, rtol=1e-3)
    assert np.mean(np.abs(result.inputs[0] - x)) < 0.05


@pytest.fixture
def constructed():
    """One layer whose filters look at the middle pixel's red: alive, silent, out of reach.

    Inputs start at 118 to 138 and rise by some 35 in 20 steps; the biases are 0, −150 and −1000.
    """
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    kernel[1, 1, 2, :2] = 1
    bias = jnp.array([0.0, -150.0, -1000.0], jnp.float32)
    layer = Convolution(jnp.asarray(kernel), bias)
    return Chain({"preprocess": Preprocess("caffe", 8), "block1_conv1": layer})


def test_a_filter_that_is_silent_at_the_start_moves_only_with_a_leak(constructed):
    """After ReLU the gradient is 0; a leaky ReLU's is not, and no more is needed."""
    plain = ascend(constructed, "block1_conv1", config=AscentConfig.reference(size=8))
    assert plain.statuses == ("alive", "dead", "dead")
    assert plain.last_losses[1:].tolist() == [0, 0]
    for dead in (1, 2):
        np.testing.assert_allclose(plain.inputs[dead], reference_start(dead, size=8), rtol=1e-6)
    assert plain.ranked().filters.tolist() == [0]
    leaky = ascend(constructed, "block1_conv1", config=AscentConfig.reference(size=8, leak=0.1))
    assert leaky.statuses == ("alive", "alive", "dead")
    assert leaky.losses[1, 0] == 0 < leaky.last_losses[1]
    assert leaky.ranked().filters.tolist() == [0, 1]
    np.testing.assert_allclose(leaky.inputs[0], plain.inputs[0], rtol=1e-6)


def test_losses_are_the_means_after_and_before_relu(constructed):
    result = ascend(constructed, "block1_conv1", config=AscentConfig.reference(steps=1, size=8))
    starts = np.stack([reference_start(number, size=8) for number in range(2)])[..., 2]
    before = starts - np.array([0, 150])[:, None, None]
    np.testing.assert_allclose(result.before_relu[:2, 0], before.mean((1, 2)), rtol=1e-5)
    after = np.maximum(before, 0).mean((1, 2))
    np.testing.assert_allclose(result.losses[:2, 0], after, rtol=1e-5)


def test_an_ascent_that_blows_up_is_called_so(constructed):
    """Not dead: its filter could be alive at another step size."""
    kernel = constructed["block1_conv1"].kernel
    kernel[...] = kernel[...].at[..., 0].set(jnp.inf)
    result = ascend(constructed, "block1_conv1", [0, 2], AscentConfig.reference(steps=2, size=8))
    assert result.statuses == ("diverged", "dead")
    assert len(result.alive()) == 0
    assert result.pictures.shape == (2, 8, 8, 3)


def test_the_border_does_not_count(constructed):
    config = AscentConfig.reference(steps=3, size=8, border=2)
    inputs = ascend(constructed, "block1_conv1", [0], config).inputs[0]
    moved = np.abs(inputs - reference_start(0, size=8)).max(-1) > 1e-3
    assert moved[2:-2, 2:-2].all()
    assert moved.sum() == 16


def test_jitter_blurs_where_the_border_is(constructed):
    """With rolled images, pixels outside the middle have moved as well, and by whole steps."""
    config = AscentConfig.reference(steps=6, size=8, border=2, jitter=2)
    inputs = ascend(constructed, "block1_conv1", [0], config).inputs[0]
    step = 1 / np.sqrt(16 / (64 * 3))
    counts = (inputs - reference_start(0, size=8))[..., 2] / step
    assert (np.abs(counts) > 0.5).sum() > 16
    np.testing.assert_allclose(counts, np.rint(counts), atol=0.02)
    assert counts.sum() == pytest.approx(6 * 16, rel=0.01)


@pytest.mark.parametrize("mode", ["caffe", "torch"])
def test_the_space_is_the_networks_input_in_pixel_values(mode, small_images):
    preprocess = Preprocess(mode, 32)
    space = InputSpace.of(preprocess)
    inputs = space.from_rgb(small_images)
    np.testing.assert_allclose(space.to_network(inputs), preprocess(small_images), atol=1e-4)
    np.testing.assert_allclose(space.to_rgb(inputs), small_images, atol=1e-4)
    if mode == "caffe":
        np.testing.assert_array_equal(space.to_network(inputs), inputs)


def test_fourier_stays_an_image_and_reverses(small_vgg, small_images):
    space = InputSpace.of(small_vgg["preprocess"])
    fourier, image = Fourier(space, 32), 64 + small_images[0] // 2
    back = space.to_rgb(fourier.decode(fourier.encode(space.from_rgb(image))))
    np.testing.assert_allclose(back, image, atol=0.05)
    result = ascend(small_vgg, LAYER, [0, 1], AscentConfig(steps=10, size=32))
    rgb = np.asarray(space.to_rgb(result.inputs))
    assert rgb.min() >= 0
    assert rgb.max() <= 255
    assert np.abs(result.pictures - rgb).max() <= 0.51
    assert (result.last_losses > result.losses[:, 0]).all()


def test_the_contrast_of_a_spectrum_is_bounded(small_vgg, small_images):
    """However large its numbers; and an image of more contrast becomes a softer one."""
    space = InputSpace.of(small_vgg["preprocess"])
    fourier = Fourier(space, 32)
    huge = np.asarray(space.to_rgb(fourier.decode(1e4 * fourier.noise(jax.random.key(0))))) / 255
    assert np.sqrt(np.mean(np.log(huge / (1 - huge)) ** 2)) == pytest.approx(1.2, rel=1e-3)
    checks = np.where(np.indices((32, 32)).sum(0) % 2, 255, 0)[..., None].repeat(3, -1)
    back = np.asarray(space.to_rgb(fourier.decode(fourier.encode(space.from_rgb(checks)))))
    assert np.corrcoef(back.ravel(), checks.ravel())[0, 1] > 0.99
    assert 40 < back.min() < back.max() < 215


def test_fourier_starts_with_low_frequencies(small_vgg):
    fourier = Fourier(InputSpace.of(small_vgg["preprocess"]), 32)
    plane = np.asarray(fourier.decode(fourier.noise(jax.random.key(0))))[..., 0]
    power = np.abs(np.fft.rfft2(plane - plane.mean()))
    assert power[:4, 1:4].mean() > 3 * power[12:20, 12:].mean()


def test_a_step_divides_by_its_size_keeps_momentum_and_fades():
    """Two steps of the spectrum's optimizer, written out."""
    optimizer = Fourier(InputSpace.of(Preprocess("caffe", 4)), 4, step_size=0.5).optimizer
    x, first, second = (np.random.default_rng(n).normal(size=(2, 3)) for n in range(3))
    units = [g / np.sqrt((g**2).mean()) for g in (first, second)]
    state = optimizer.init(jnp.asarray(x))
    with jax.numpy_dtype_promotion("standard"):  # optax's own arithmetic needs it
        one, state = optimizer.update(jnp.asarray(first), state, jnp.asarray(x))
        two, _ = optimizer.update(jnp.asarray(second), state, jnp.asarray(x))
    np.testing.assert_allclose(one, 0.5 * units[0] - 0.02 * x, rtol=1e-5)
    mean = (0.9 * 0.1 * units[0] + 0.1 * units[1]) / (1 - 0.9**2)
    np.testing.assert_allclose(two, 0.5 * mean - 0.02 * x, rtol=1e-5)


def test_pictures_are_shown_as_in_the_reference():
    x = np.random.default_rng(0).normal(3, 2, (2, 6, 6, 3)).astype(np.float32)
    expected = (x[1] - x[1].mean()) / (x[1].std() + 1e-5) * 0.1 + 0.5
    expected = (np.clip(expected, 0, 1) * 255).astype(np.uint8)
    np.testing.assert_allclose(contrast_picture(x)[1], expected, atol=1)


def test_pictures_are_rgb(constructed):
    """The filter likes red, the third channel of a BGR network."""
    picture = ascend(constructed, "block1_conv1", [0], AscentConfig.reference(size=8)).pictures[0]
    assert picture[..., 0].mean() > picture[..., 2].mean() + 20


@pytest.mark.parametrize(
    ("arguments", "options", "error", "names"),
    [
        (("fc1",), {}, LayerError, "fc1"),
        (("block1_pool",), {}, LayerError, "block1_pool"),
        (("block9_conv1",), {}, LayerError, "block9_conv1"),
        ((LAYER, [99]), {}, LayerError, "99"),
        ((LAYER, []), {}, LayerError, "at least one"),
        ((LAYER, [1, 1]), {}, LayerError, "twice"),
        (("block5_conv3", [0]), {"config": AscentConfig(size=8)}, DataError, "too small"),
        ((LAYER, [0]), {"config": AscentConfig(size=16, border=4)}, DataError, "border"),
        ((LAYER, [0]), {"config": FEW, "start": np.zeros((8, 8, 3))}, DataError, "start"),
        ((LAYER, [0]), {"chunk": 0}, DataError, "chunk must be at least 1"),
    ],
)
def test_mistakes_are_named(small_vgg, arguments, options, error, names):
    with pytest.raises(error, match=names):
        ascend(small_vgg, *arguments, **options)


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"step_size": 0.0}, {"jitter": -1}, {"seed": -1}, {"leak": 1.5}]
)
def test_settings_that_make_no_sense(wrong):
    with pytest.raises(DataError):
        AscentConfig(**wrong)
