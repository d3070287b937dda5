"""How chains are printed: a line in a list or a notebook, a table by `print`."""

import numpy as np
import pytest
import treescope

from vggjax.errors import LayerError
from vggjax.model import Chain, JointHead, in_precision, layer_shapes, softmax_head
from vggjax.model.layers import Convolution, Flatten, MaxPool, Standardize

ONES = np.ones


def test_the_table_has_shapes_and_counts_by_hand():
    chain = Chain(
        {
            "conv": Convolution(ONES((3, 3, 3, 4), np.float32), ONES(4, np.float32)),
            "pool": MaxPool(),
            "flatten": Flatten(),
            "scale": Standardize(ONES(1200, np.float32), ONES(1200, np.float32)),
        }
    ).then(softmax_head((1200,), 5))
    assert str(chain).splitlines() == [
        "layer    kind         output  parameters",
        "conv     convolution       ?         112",  # 3·3·3·4 + 4
        "pool     pool              ?           0",
        "flatten  flatten           ?           0",
        "scale    standardize    1200       2,400",
        "head     dense             5       6,005",  # 1200·5 + 5
        "total                              8,517",
    ]


def test_images_tell_all_shapes(small_vgg):
    rows = dict(line.split(maxsplit=1) for line in str(small_vgg).splitlines())
    assert rows["preprocess"].split() == ["preprocess", "32x32x3", "0"]
    assert rows["block5_conv3"].split() == ["convolution", "2x2x8", "584"]  # 9·8·8 + 8
    assert rows["predictions"].split() == ["dense", "5", "85"]


def test_the_short_form(small_vgg):
    assert repr(small_vgg.after("flatten")) == "Chain(fc1 … predictions, 3 layers, 501 parameters)"
    assert repr(small_vgg.until("preprocess")) == "Chain(preprocess, 1 layer, 0 parameters)"
    assert repr(Chain({})) == "Chain()"
    narrow = in_precision(small_vgg.after("fc2"), "bfloat16")
    assert repr(narrow) == "CastChain(predictions, 1 layer, 85 parameters, bfloat16)"
    head = JointHead({"fc2": small_vgg.after("fc2")})
    assert repr(head) == "JointHead(fc2: Chain(predictions, 1 layer, 85 parameters))"


def test_notebooks_show_the_short_form(small_vgg):
    assert treescope.render_to_text([small_vgg]).split() == f"[ {small_vgg!r}, ]".split()


def test_a_layer_that_does_not_fit_is_named_with_the_shapes(small_vgg):
    with pytest.raises(
        LayerError,
        match=r"layer 'fc1' \(bias \(16,\), kernel \(8, 16\)\) can't take \(32,\), which it gets "
        r"from inputs of the shape \(64, 64, 3\)",
    ):
        layer_shapes(small_vgg, (64, 64, 3))
    with pytest.raises(LayerError, match=r"'preprocess' can't take \(3, 32, 32\)"):
        layer_shapes(small_vgg, (3, 32, 32))
    with pytest.raises(LayerError, match=r"'block4_pool' can't take \(7,\)"):
        layer_shapes(small_vgg.after("block4_conv3"), (7,))
