import json

import common
import feature_maps
import inspecting
import pytest

from vggjax import network


@pytest.fixture
def arguments(photos, small_weights):
    return ["--data-dir", str(photos), "--weights", str(small_weights), "--random", "2"]


def run(arguments, out):
    feature_maps.main([*arguments, "--out", str(out)])
    return json.loads((out / "result.json").read_text())


def test_random_test_images_and_maps(arguments, tmp_path, capsys):
    result = run(arguments, tmp_path / "a")
    assert (result["experiment"], result["demo"]) == ("feature_maps", False)
    assert len(result["images"]) == 3
    assert result["layers"].keys() == {"block1_conv1", "block5_conv3"}
    assert result["layers"]["block1_conv1"]["size"] == [32, 32]
    assert len(result["layers"]["block5_conv3"]["maps"]) == 2
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"maps.png", "result.json"}
    assert "photos0, random test images" in capsys.readouterr().out.splitlines()[-1]
    again = run(arguments, tmp_path / "b")
    assert (again["images"], again["layers"]) == (result["images"], result["layers"])
    other = run([*arguments, "--seed", "1"], tmp_path / "c")
    assert other["images"] != result["images"]


def test_given_images_and_maps(small_weights, photos, tmp_path):
    files = [str(photos / "ants" / "0.png"), str(photos / "bees" / "1.png")]
    options = ["--weights", str(small_weights), "--maps", "0", "1", "2", "3", "--columns", "4"]
    layers = ["--layers", "block5_conv3", "block2_pool", "block1_conv2"]
    result = run([*options, *layers, "--images", *files], tmp_path)
    assert result["images"] == ["0.png", "1.png"]
    assert result["layers"].keys() == {"block1_conv2", "block2_pool", "block5_conv3"}
    assert result["layers"]["block2_pool"] == {"maps": [0, 1, 2, 3], "size": [8, 8]}


def test_the_demo_is_marked(tmp_path, monkeypatch, capsys, photos):
    monkeypatch.setattr(network, "url_reachable", lambda *_, **__: False)
    monkeypatch.setattr(inspecting, "url_reachable", lambda *_, **__: False)
    image = ["--images", str(photos / "ants" / "0.png")]
    assert run(image, tmp_path)["demo"] is True
    printed = capsys.readouterr().out
    assert printed.startswith(inspecting.DEMO_WEIGHTS_BANNER)
    assert "DEMO weights" in printed.splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--layers", "fc1"], "fc1"),
        (["--layers", "preprocess"], "preprocess"),
        (["--layers", "block9_conv1"], "block9_conv1"),
        (["--maps", "4"], "no map 4"),
        (["--random", "5"], "5"),
        (["--random", "0"], "random"),
        (["--count", "0"], "count"),
        (["--count", "999"], "999"),
        (["--columns", "0"], "columns"),
        (["--seed", "-1"], "seed"),
        (["--images", "nowhere.png"], "nowhere.png"),
        (["--data-dir", "nowhere"], "nowhere"),
        (["--weights", "nowhere.h5"], "nowhere.h5"),
    ],
)
def test_wrong_options_are_named(options, names, arguments, tmp_path, capsys):
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as stop:
        common.run(lambda: feature_maps.main([*arguments, *options, "--out", str(out)]))
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert names in message
    assert not out.exists()
