import numpy as np
import pytest

from vggjax.errors import DataError, LayerError
from vggjax.inspect import (
    check_maps,
    choose_maps,
    feature_maps,
    map_picture,
    mean_activations,
    most_activating,
)


def test_feature_maps_are_the_layers_outputs(small_vgg, small_images):
    maps = feature_maps(small_vgg, small_images[:2], ["block5_conv3", "block1_conv1"])
    assert {layer: m.shape for layer, m in maps.items()} == {
        "block1_conv1": (2, 32, 32, 4),
        "block5_conv3": (2, 2, 2, 8),
    }
    expected = small_vgg.until("block5_conv3")(small_images[:2])
    np.testing.assert_allclose(maps["block5_conv3"], expected, rtol=1e-4, atol=1e-4)


def test_chosen_maps_depend_on_seed_and_layer_alone():
    first = choose_maps(64, 4, 0, "block1_conv1")
    assert len(set(first.tolist())) == 4
    np.testing.assert_array_equal(first, choose_maps(64, 4, 0, "block1_conv1"))
    assert first.tolist() != choose_maps(64, 4, 1, "block1_conv1").tolist()
    assert first.tolist() != choose_maps(64, 4, 0, "block1_conv2").tolist()


def test_maps_are_scaled_by_themselves():
    maps = np.zeros((2, 2, 2))
    maps[0] = [[0, 1], [2, 4]]
    assert map_picture(maps).tolist() == [[[0, 64], [128, 255]], [[0, 0], [0, 0]]]
    grid = np.array([[[0.0, 1], [2, 4]], [[8, 0], [0, 0]]])
    together = map_picture(grid, together=True)
    assert together.tolist() == [[[0, 32], [64, 128]], [[255, 0], [0, 0]]]


@pytest.mark.parametrize("layer", ["fc1", "flatten", "preprocess", "block9_conv1"])
def test_layers_without_maps(small_vgg, small_images, layer):
    with pytest.raises(LayerError, match=layer):
        feature_maps(small_vgg, small_images, [layer])


def test_maps_that_are_not_there():
    with pytest.raises(LayerError, match="no map 4"):
        check_maps([0, 4], 4, "block1_conv1")
    with pytest.raises(DataError, match="5"):
        choose_maps(4, 5, 0, "block1_conv1")


def test_the_most_activating_images(small_vgg, images, tmp_path):
    means = mean_activations(small_vgg, "block2_conv1", images, cache=tmp_path)
    expected = np.asarray(small_vgg.until("block2_conv1")(images.pixels)).mean((1, 2))
    np.testing.assert_allclose(means, expected, rtol=1e-4, atol=1e-4)
    found = most_activating(means, np.array([5, 0]), count=3)
    assert found.images.shape == (2, 3)
    for row, number in enumerate((5, 0)):
        assert found.images[row, 0] == expected[:, number].argmax()
        assert (np.diff(found.activations[row]) <= 0).all()


def test_mean_activations_are_cached_as_features_are(small_vgg, images, tmp_path):
    first = mean_activations(small_vgg, "block2_conv1", images, cache=tmp_path)
    images.decoded = 0
    again = mean_activations(small_vgg, "block2_conv1", images, cache=tmp_path)
    assert images.decoded == 0
    np.testing.assert_array_equal(again, first)


def test_no_images_and_no_convolution(small_vgg, images):
    with pytest.raises(DataError, match="no images"):
        mean_activations(small_vgg, "block1_conv1", images.subset(np.arange(0)))
    with pytest.raises(LayerError, match="fc1"):
        mean_activations(small_vgg, "fc1", images)
