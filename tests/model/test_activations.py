import jax
import numpy as np
import pytest

from vggjax.errors import LayerError
from vggjax.model import VGGConfig, build_vgg, freeze, frozen

WIDE = VGGConfig(widths=(64, 72), depths=(1, 2), hidden=16, classes=5, image_size=20)
NAMES = ["block1_conv1", "block2_conv1", "block2_pool", "fc1", "predictions"]


@pytest.fixture(scope="module")
def chain(random_tree):
    return build_vgg(WIDE, random_tree(WIDE))


@pytest.mark.parametrize("group_bytes", [1, 2**15, 2**40])
def test_a_frozen_chain_s_layers_are_those_of_its_cuts(chain, group_bytes, monkeypatch):
    monkeypatch.setattr(frozen, "GROUP_BYTES", group_bytes)
    images = np.random.default_rng(0).integers(0, 256, (6, 20, 20, 3), dtype=np.uint8)
    prepared = freeze(chain)
    outputs = jax.jit(lambda x: prepared.activations(x, NAMES[::-1]))(images)
    assert set(outputs) == set(NAMES)
    for name in NAMES:
        expected = np.asarray(jax.jit(lambda x, n=name: freeze(chain.until(n))(x))(images))
        scale = np.abs(expected).max()
        np.testing.assert_allclose(outputs[name], expected, atol=2e-6 * scale, rtol=0)


def test_images_still_pass_in_groups(chain, monkeypatch):
    monkeypatch.setattr(frozen, "GROUP_BYTES", 1)
    seen = []
    monkeypatch.setattr(frozen, "in_groups", lambda f, x, group: seen.append(group) or f(x))
    images = np.zeros((6, 20, 20, 3), np.uint8)
    jax.eval_shape(lambda x: freeze(chain).activations(x, ["block1_conv1", "block2_pool"]), images)
    assert seen == [1, 1], "one piece until each layer, one image at a time"


def test_an_unknown_layer(chain):
    with pytest.raises(LayerError, match="There is no layer 'fc9'"):
        freeze(chain).activations(np.zeros((1, 20, 20, 3), np.uint8), ["fc1", "fc9"])
