"""Heat maps of what speaks for a class."""

import jax.numpy as jnp
import numpy as np
import pytest

from vggjax.errors import DataError, LayerError
from vggjax.features import compute
from vggjax.inspect import explained_layer, grad_cam
from vggjax.model import Chain, JointHead, softmax_head
from vggjax.model.layers import Dense, Flatten, MeanMap


def test_a_linear_head_on_averaged_maps_by_hand(small_vgg, small_images):
    """The gradient of a class is its weights over the number of places, everywhere the same."""
    backbone = small_vgg.until("block1_conv2")
    maps = compute(backbone, small_images)
    kernel = np.random.default_rng(0).normal(size=(maps.shape[-1], 3)).astype(np.float32)
    dense = Dense(jnp.asarray(kernel), jnp.zeros(3, jnp.float32))
    head = Chain({"mean": MeanMap(), "head": dense})
    classes = np.array([0, 1, 2, 0, 1, 2])
    evidence = np.maximum((maps * kernel.T[classes][:, None, None]).sum(-1), 0)
    expected = evidence / np.maximum(evidence.max((1, 2), keepdims=True), 1e-30)
    for method in ("gradcam", "hirescam"):
        found = grad_cam(backbone, head, small_images, classes, method)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("cut", "head", "layer"),
    [
        ("block5_pool", "flat", "block5_conv3"),
        ("block4_conv3", "flat", "block4_conv3"),
        ("fc1", "rows", "block5_conv3"),
        ("block5_pool", "joint", "block4_conv3"),
        ("block4_pool", "tuned", "block5_conv3"),
    ],
)
def test_every_kind_of_head(cut, head, layer, small_vgg, small_images):
    backbone = small_vgg.until(cut)
    shape = compute(backbone, small_images[:1]).shape[1:]
    made = {
        "flat": lambda: softmax_head(shape, 3, start="glorot"),
        "rows": lambda: softmax_head(shape, 3, start="glorot"),
        "joint": lambda: JointHead(
            {name: softmax_head(compute(small_vgg.until(name), small_images[:1]).shape[1:], 3,
                                start="glorot")
             for name in ("block4_pool", "block5_pool")}
        ),
        "tuned": lambda: small_vgg.after(cut).until("block5_pool").then(
            Chain({"flat": Flatten()}).then(softmax_head((8,), 3, start="glorot"))
        ),
    }[head]()  # fmt: skip
    assert explained_layer(backbone, made) == layer
    found = grad_cam(backbone, made, small_images[:2], np.array([0, 2]))
    assert np.isfinite(found).all()
    assert 0 <= found.min() <= found.max() <= 1


def test_mistakes(small_vgg, small_images):
    backbone, head = small_vgg.until("fc1"), small_vgg.after("fc1")
    with pytest.raises(DataError, match="gradcam or hirescam"):
        grad_cam(backbone, head, small_images, np.zeros(6, int), "cam")
    with pytest.raises(DataError, match="Classes are 0 to 4"):
        grad_cam(backbone, head, small_images, np.full(6, 9))
    with pytest.raises(LayerError, match="no convolution"):
        explained_layer(Chain({"preprocess": small_vgg["preprocess"]}), head)
