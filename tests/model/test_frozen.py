import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vggjax.model import VGGConfig, build_vgg, freeze, frozen, parameters
from vggjax.model.frozen import FrozenConvolution, in_groups

WIDE = VGGConfig(widths=(64, 72), depths=(1, 2), hidden=16, classes=5, image_size=20)


@pytest.fixture(scope="module")
def chain(random_tree):
    return build_vgg(WIDE, random_tree(WIDE))


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (6, 20, 20, 3), dtype=np.uint8)


@pytest.fixture(params=[1, 2**15, 2**40])
def group_bytes(request, monkeypatch):
    """From one image at a time to the whole batch."""
    monkeypatch.setattr(frozen, "GROUP_BYTES", request.param)


@pytest.mark.parametrize("cut", ["preprocess", "block2_conv2", "fc2", "predictions"])
def test_a_frozen_chain_is_the_same_function(chain, images, cut, group_bytes):
    part = chain.until(cut)
    expected = np.asarray(part(images))
    outputs = np.asarray(jax.jit(lambda x: freeze(part)(x))(images))
    np.testing.assert_allclose(outputs, expected, atol=2e-6 * np.abs(expected).max())


@pytest.mark.parametrize("gradient", [True, False])
def test_its_gradient_is_the_same_too(chain, images, gradient, group_bytes):
    part = chain.until("block2_conv2")

    def loss(part):
        return lambda x: (part(x)[..., 3] ** 2).mean()

    x = images.astype(np.float32)
    expected = jax.jit(jax.grad(loss(part)))(x)
    outputs = jax.jit(jax.grad(loss(freeze(part, gradient=gradient))))(x)
    np.testing.assert_allclose(outputs, expected, atol=1e-5 * np.abs(expected).max())


def test_wide_convolutions_are_prepared_and_the_names_stay(chain):
    prepared = freeze(chain)
    assert prepared.names == chain.names
    assert isinstance(prepared.block2_conv1, FrozenConvolution)
    assert not isinstance(prepared.block1_conv1, FrozenConvolution), "3 channels are too few"
    assert parameters(prepared)["block2_conv1"]["filters"].shape == (36, 64, 72)


def test_elsewhere_than_on_a_cpu_the_chain_stays(chain, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert freeze(chain) is chain


@pytest.mark.parametrize("batch", [1, 6, 7])
@pytest.mark.parametrize("group", [0, 1, 4, 100])
def test_groups_cover_the_batch_in_order(batch, group):
    x = jnp.arange(2.0 * batch).reshape(batch, 2)
    np.testing.assert_array_equal(in_groups(lambda part: 3 * part, x, group), 3 * x)
