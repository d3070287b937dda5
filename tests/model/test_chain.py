import jax
import numpy as np
import pytest

from vggjax.errors import LayerError
from vggjax.model import (
    VGGConfig,
    build_vgg,
    deepest_layer,
    in_precision,
    optimize_inference,
    output_shape,
    parameters,
    with_parameters,
)


@pytest.mark.parametrize("cut", ["preprocess", "block1_pool", "block5_conv3", "flatten", "fc2"])
def test_until_and_after_put_together_are_the_whole(small_vgg, small_images, cut):
    front, back = small_vgg.until(cut), small_vgg.after(cut)
    assert front.names + back.names == small_vgg.names
    np.testing.assert_array_equal(back(front(small_images)), small_vgg(small_images))
    np.testing.assert_array_equal(front.then(back)(small_images), small_vgg(small_images))


def test_cutting_shares_the_parameters(small_vgg):
    assert small_vgg.until("fc1").fc1.kernel is small_vgg.fc1.kernel


def test_activations_equal_separate_cuts(small_vgg, small_images):
    names = ["block1_conv1", "block3_pool", "fc1"]
    outputs = small_vgg.activations(small_images, names)
    assert list(outputs) == names
    for name, output in outputs.items():
        np.testing.assert_array_equal(output, small_vgg.until(name)(small_images))


def test_activations_run_only_what_they_need(small_vgg, small_images):
    needed = jax.jit(lambda x: small_vgg.activations(x, ["block1_conv1"])["block1_conv1"])
    everything = jax.jit(lambda x: small_vgg(x))
    flops = [f.lower(small_images).compile().cost_analysis()["flops"] for f in (needed, everything)]
    assert flops[0] < 0.5 * flops[1]


def test_layers_have_the_shapes_that_the_table_promises(small_vgg, random_tree):
    for layer, shape in {"block1_conv2": (32, 32, 4), "block5_pool": (1, 1, 8)}.items():
        assert output_shape(small_vgg.until(layer), (32, 32, 3), np.uint8) == shape
    assert output_shape(small_vgg, (32, 32, 3), np.uint8) == (5,)
    config = VGGConfig(widths=(2, 3), depths=(1, 2), hidden=7, classes=4, image_size=8)
    assert output_shape(build_vgg(config, random_tree(config)), (8, 8, 3), np.uint8) == (4,)


def test_building_until_a_layer_needs_no_later_parameters(small_config, small_tree, small_vgg):
    first = {name: small_tree[name] for name in ("block1_conv1", "block1_conv2")}
    part = build_vgg(small_config, first, until="block1_pool")
    assert part.names == small_vgg.until("block1_pool").names


@pytest.mark.parametrize(
    "ask",
    [
        lambda vgg, name: vgg[name],
        lambda vgg, name: vgg.until(name),
        lambda vgg, name: vgg.after(name),
        lambda vgg, name: vgg.activations(np.zeros((1, 32, 32, 3)), ["fc1", name]),
        lambda vgg, name: optimize_inference(vgg).activations(np.zeros((1, 32, 32, 3)), [name]),
        lambda vgg, name: build_vgg(VGGConfig(), {}, until=name),
        lambda vgg, name: deepest_layer(VGGConfig(), ["fc1", name]),
    ],
)
def test_unknown_layers_are_named_with_the_likeliest(small_vgg, ask):
    with pytest.raises(LayerError, match=r"no layer 'block5_con3'; did you mean block5_conv3\?"):
        ask(small_vgg, "block5_con3")
    with pytest.raises(LayerError, match="no layer ''; the layers go from preprocess to pred"):
        ask(small_vgg, "")


def test_joining_chains_with_a_shared_name_is_refused(small_vgg):
    with pytest.raises(LayerError, match="fc2"):
        small_vgg.then(small_vgg.after("fc1"))
    with pytest.raises(LayerError, match="in float32 can't be joined with one in bfloat16"):
        small_vgg.until("fc1").then(in_precision(small_vgg.after("fc1"), "bfloat16"))


def test_parameters_round_trip(small_vgg, small_images):
    changed = jax.tree.map(lambda leaf: leaf * 2, parameters(small_vgg))
    doubled = with_parameters(small_vgg, changed)
    np.testing.assert_array_equal(doubled.fc1.kernel[...], 2 * small_vgg.fc1.kernel[...])
    assert not np.array_equal(doubled(small_images), small_vgg(small_images))


def test_the_deepest_layer_is_that_of_the_network_not_of_the_alphabet():
    config = VGGConfig(depths=(2, 2, 4, 4, 4))
    assert deepest_layer(config, ["block5_conv4", "block1_conv1"]) == "block5_conv4"
    assert deepest_layer(config, ["preprocess", "block1_conv1"]) == "block1_conv1"
    assert deepest_layer(config, ["predictions", "fc1", "flatten"]) == "predictions"
