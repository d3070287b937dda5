import jax
import numpy as np
import pytest

from vggjax.errors import LayerError
from vggjax.model import (
    VGGConfig,
    build_vgg,
    count_parameters,
    output_shape,
    parameters,
    softmax_head,
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


def test_every_layer_has_the_shape_that_the_table_promises(small_vgg):
    assert output_shape(small_vgg.until("block1_conv2"), (32, 32, 3), np.uint8) == (32, 32, 4)
    assert output_shape(small_vgg.until("block5_pool"), (32, 32, 3), np.uint8) == (1, 1, 8)
    assert output_shape(small_vgg, (32, 32, 3), np.uint8) == (5,)


def test_building_until_a_layer_needs_no_later_parameters(small_config, small_tree, small_vgg):
    first = {name: small_tree[name] for name in ("block1_conv1", "block1_conv2")}
    part = build_vgg(small_config, first, until="block1_pool")
    assert part.names == small_vgg.until("block1_pool").names


@pytest.mark.parametrize(
    "ask", [lambda c: c["fc9"], lambda c: c.until("fc9"), lambda c: c.after("")]
)
def test_unknown_layers_are_named_with_the_known_ones(small_vgg, ask):
    with pytest.raises(LayerError, match="block5_conv3"):
        ask(small_vgg)


def test_unknown_layer_when_building(small_config):
    with pytest.raises(LayerError, match=r"'fc9'.*block1_conv1"):
        build_vgg(small_config, {}, until="fc9")


def test_joining_chains_with_a_shared_name_is_refused(small_vgg):
    with pytest.raises(LayerError, match="fc2"):
        small_vgg.then(small_vgg.after("fc1"))


def test_parameters_round_trip(small_vgg, small_images):
    changed = jax.tree.map(lambda leaf: leaf * 2, parameters(small_vgg))
    doubled = with_parameters(small_vgg, changed)
    np.testing.assert_array_equal(doubled.fc1.kernel[...], 2 * small_vgg.fc1.kernel[...])
    assert not np.array_equal(doubled(small_images), small_vgg(small_images))


@pytest.mark.parametrize(
    ("shape", "count"),
    [((4096,), 1_048_832), ((14, 14, 512), 25_690_368)],  # report, C1 and C5
)
def test_head_has_the_report_s_number_of_parameters(shape, count):
    assert count_parameters(softmax_head(shape, 256)) == count


def test_head_flattens_maps_and_depends_on_its_seed():
    maps = np.ones((2, 3, 3, 4), np.float32)
    a, b, c = (softmax_head((3, 3, 4), 5, seed)(maps) for seed in (0, 0, 1))
    assert a.shape == (2, 5)
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_a_head_of_one_class_is_refused():
    with pytest.raises(LayerError, match="at least 2"):
        softmax_head((4,), 1)


def test_a_narrow_network_of_another_depth_is_the_same_code(random_tree):
    config = VGGConfig(widths=(2, 3), depths=(1, 2), hidden=7, classes=4, image_size=8)
    assert output_shape(build_vgg(config, random_tree(config)), (8, 8, 3), np.uint8) == (4,)
