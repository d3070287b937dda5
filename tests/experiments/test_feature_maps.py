"""Feature maps of test images, or of given ones (C4, U3)."""

import pytest
from experiment_helpers import run
from feature_maps import MAPS


@pytest.fixture
def arguments(photos, small_weights):
    return ["--data-dir", photos, "--weights", small_weights, "--random", "2"]


def test_random_test_images_and_maps(arguments, tmp_path):
    result = run(MAPS, arguments, tmp_path / "a")
    assert len(result["images"]) == 3
    assert result["shown"]["block1_conv1"]["size"] == [32, 32]
    assert len(result["shown"]["block5_conv3"]["maps"]) == 2
    again = run(MAPS, arguments, tmp_path / "b")
    assert (again["images"], again["shown"]) == (result["images"], result["shown"])
    other = run(MAPS, [*arguments, "--seed", "1"], tmp_path / "c")
    assert other["images"] != result["images"]


def test_given_images_and_maps(small_weights, photos, tmp_path):
    """Any number of layers, in any order: the deepest is found in the weights' table."""
    files = [photos / "ants" / "0.png", photos / "bees" / "1.png"]
    options = ["--weights", small_weights, "--maps", "0", "1", "2", "3", "--columns", "4"]
    layers = ["--layers", "block5_pool", "block5_conv3", "block2_pool"]
    result = run(MAPS, [*options, *layers, "--images", *files], tmp_path)
    assert result["images"] == ["0.png", "1.png"]
    assert list(result["shown"]) == layers[1:]
    assert result["shown"]["block2_pool"] == {"maps": [0, 1, 2, 3], "size": [8, 8]}


def test_rendered_images_are_demo_whatever_the_weights(small_weights, tmp_path):
    options = ["--dataset", "demo", "--weights", small_weights]
    result = run(MAPS, [*options, "--count", "1", "--random", "2"], tmp_path)
    assert (result["demo"], result["comparable"]) == (True, False)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--layers", "fc1"], "fc1"),
        (["--layers", "preprocess"], "preprocess"),
        (["--maps", "4"], "no map 4"),
        (["--random", "5"], "5"),
        (["--random", "0"], "--random"),
        (["--count", "999"], "999"),
        (["--columns", "0"], "--columns"),
        (["--seed", "0", "1"], "single --seed"),
        (["--images", "nowhere.png"], "nowhere.png"),
    ],
)
def test_wrong_options_are_named(options, names, arguments, tmp_path, fails):
    out = tmp_path / "out"
    assert names in fails(lambda: run(MAPS, [*arguments, *options], out), out)
