import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vggjax.model import (
    COMPILER_OPTIONS,
    VGGConfig,
    blocks,
    build_vgg,
    fast,
    optimize_inference,
    parameters,
)

WIDE = VGGConfig(widths=(64, 72), depths=(1, 2), hidden=16, classes=5, image_size=20)
NAMES = ["block1_conv1", "block2_conv1", "block2_pool", "fc1", "predictions"]


@pytest.fixture(scope="module")
def chain(random_tree):
    return build_vgg(WIDE, random_tree(WIDE))


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (6, 20, 20, 3), dtype=np.uint8)


@pytest.fixture(params=[1, 2**15, 2**40])
def group_bytes(request, monkeypatch):
    """From one image at a time to the whole batch."""
    monkeypatch.setattr(fast, "GROUP_BYTES", request.param)


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * np.abs(expected).max())


@pytest.mark.parametrize("cut", ["preprocess", "block2_conv2", "fc2", "predictions"])
def test_it_is_the_same_function(chain, images, cut, group_bytes):
    part = chain.until(cut)
    assert_close(jax.jit(lambda x: optimize_inference(part)(x))(images), np.asarray(part(images)))


def test_its_layers_are_those_of_its_cuts(chain, images, group_bytes):
    prepared = optimize_inference(chain)
    outputs = jax.jit(lambda x: prepared.activations(x, NAMES[::-1]))(images)
    assert set(outputs) == set(NAMES)
    for name in NAMES:
        assert_close(outputs[name], np.asarray(chain.until(name)(images)))


def test_an_image_alone_has_the_same_bits_as_in_a_batch(chain, images, group_bytes):
    prepared = optimize_inference(chain)
    compiled = jax.jit(lambda x: prepared(x), compiler_options=COMPILER_OPTIONS)
    whole = np.asarray(compiled(images))
    for count in (1, 2, 3):
        np.testing.assert_array_equal(compiled(images[:count]), whole[:count])


@pytest.mark.parametrize(("rows", "strips"), [(4, 5), (8, 3), (12, 2)])
def test_images_too_large_for_the_cache_pass_in_strips(chain, images, monkeypatch, rows, strips):
    """A row of 20 pixels with 64 channels has 5,120 bytes."""
    monkeypatch.setattr(fast, "GROUP_BYTES", rows * 5120)
    seen, in_strips = [], blocks.in_strips
    monkeypatch.setattr(
        blocks, "in_strips", lambda *a: seen.append((len(a[0]), a[2])) or in_strips(*a)
    )
    part = chain.until("block2_pool")
    found = jax.jit(lambda x: optimize_inference(part)(x))(images)
    assert_close(found, np.asarray(part(images)))
    assert seen[0] == (1, 4 * -(-5 // strips)), "block 1: one convolution, and the maximum"


def test_images_pass_in_groups_until_each_layer(chain, monkeypatch):
    monkeypatch.setattr(fast, "GROUP_BYTES", 1)
    seen = []
    monkeypatch.setattr(fast, "in_groups", lambda f, x, group: seen.append(group) or f(x))
    prepared, images = optimize_inference(chain), np.zeros((6, 20, 20, 3), np.uint8)
    jax.eval_shape(lambda x: prepared.activations(x, ["block1_conv1", "block2_pool"]), images)
    assert seen == [1, 1], "one piece until each layer, one image at a time"


@pytest.mark.parametrize("gradient", [True, False])
def test_its_gradient_is_the_same_too(chain, images, gradient, group_bytes):
    part = chain.until("block2_conv2")

    def loss(part):
        return lambda x: (part(x)[..., 3] ** 2).mean()

    x = images.astype(np.float32)
    expected = jax.jit(jax.grad(loss(part)))(x)
    outputs = jax.jit(jax.grad(loss(optimize_inference(part, gradient=gradient))))(x)
    np.testing.assert_allclose(outputs, expected, atol=1e-5 * np.abs(expected).max())


def test_wide_convolutions_are_prepared_and_the_names_stay(chain):
    prepared = optimize_inference(chain)
    assert prepared.names == chain.names
    assert isinstance(prepared.block2_conv1, fast.FastConvolution)
    assert not isinstance(prepared.block1_conv1, fast.FastConvolution), "3 channels are too few"
    assert parameters(prepared)["block2_conv1"]["filters"].shape == (36, 64, 72)


def test_elsewhere_than_on_a_cpu_the_chain_stays(chain, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert optimize_inference(chain) is chain


@pytest.mark.parametrize("batch", [1, 6, 7])
@pytest.mark.parametrize("group", [0, 1, 4, 100])
def test_groups_cover_the_batch_in_order(batch, group):
    x = jnp.arange(2.0 * batch).reshape(batch, 2)
    np.testing.assert_array_equal(fast.in_groups(lambda part: 3 * part, x, group), 3 * x)
