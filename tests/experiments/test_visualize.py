import json

import common
import inspecting
import numpy as np
import pytest
import visualize
from PIL import Image

LAYER = "block2_conv2"


@pytest.fixture
def arguments(small_weights):
    return ["--weights", str(small_weights), "--layer", LAYER, "--steps", "2", "--size", "16"]


def run(arguments, out):
    visualize.main([*arguments, "--out", str(out)])
    return json.loads((out / "result.json").read_text())


def test_grid_and_sidecar(arguments, tmp_path, capsys):
    result = run(arguments, tmp_path)
    assert (result["experiment"], result["layer"], result["demo"]) == ("visualize", LAYER, False)
    assert (result["steps"], result["size"], result["seed"]) == (2, 16, 0)
    assert result["weights"]["name"] == "small"
    assert sorted(entry["filter"] for entry in result["filters"]) == list(range(6))
    living = [entry for entry in result["filters"] if entry["status"] != "dead"]
    losses = [entry["last_loss"] for entry in living]
    assert losses == sorted(losses, reverse=True)
    assert [entry["rank"] for entry in living] == list(range(1, len(living) + 1))
    assert all(entry["rank"] is None for entry in result["filters"][len(living) :])
    assert {path.name for path in tmp_path.iterdir()} == {"filters.png", "result.json"}
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{LAYER}, small weights: 6 filters")


def test_the_title_tells_how_many(arguments, tmp_path, monkeypatch):
    titles = []
    real = visualize.filter_figure
    monkeypatch.setattr(
        visualize, "filter_figure", lambda *a: (titles.append((len(a[0]), a[2])), real(*a))[1]
    )
    monkeypatch.setattr(visualize, "SECONDS_BETWEEN_GRIDS", 0)
    run([*arguments, "--top", "2", "--chunk", "3"], tmp_path)
    assert titles == [
        (2, f"{LAYER}, small weights: 2 of 3 filters done so far, ranked"),
        (2, f"{LAYER}, small weights: 2 of 6 filters done so far, ranked"),
        (2, f"{LAYER}, small weights: 2 of 6 filters, ranked"),
    ]


def test_each_filter_and_the_activating_images(arguments, photos, tmp_path):
    options = ["--filters", "0", "2", "--each", "--activating", str(photos), "--rescue"]
    result = run([*arguments, *options], tmp_path)
    living = [entry["filter"] for entry in result["filters"] if entry["rank"]]
    names = sorted(path.name for path in (tmp_path / "each").iterdir())
    assert names == [f"{LAYER}-{number:04d}.png" for number in sorted(living)]
    assert np.asarray(Image.open(tmp_path / "each" / names[0])).shape == (16, 16, 3)
    assert (tmp_path / "activating.png").is_file()
    best = result["activating"][str(living[0])]
    assert len(best) == 8
    assert (photos / best[0]["image"]).is_file()
    assert best[0]["activation"] >= best[-1]["activation"]


def test_an_image_to_start_with_and_better_pictures(arguments, photos, tmp_path):
    start = ["--start", str(photos / "ants" / "0.png"), "--filters", "1"]
    better = ["--jitter", "2", "--border", "1", "--fourier"]
    plain = run([*arguments, *start], tmp_path / "plain")["filters"][0]
    other = run([*arguments, *start, *better], tmp_path / "better")["filters"][0]
    assert plain["first_loss"] != other["first_loss"]


def test_without_a_network_the_demo_weights_are_marked(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(inspecting, "url_reachable", lambda *_, **__: False)
    options = ["--layer", "block1_conv1", "--filters", "0", "9", "--steps", "1", "--size", "16"]
    result = run(options, tmp_path)
    printed = capsys.readouterr().out
    assert printed.startswith(inspecting.DEMO_WEIGHTS_BANNER)
    assert printed.splitlines()[-1].startswith("block1_conv1, DEMO weights: 2 filters")
    assert result["demo"] is True


def fails(arguments, out, capsys):
    """Run as the script does; return the one line that it prints on stderr."""
    with pytest.raises(SystemExit) as stop:
        common.run(lambda: visualize.main([*arguments, "--out", str(out)]))
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert not out.exists(), "nothing half-written stays"
    return message


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--layer", "fc1"], "fc1"),
        (["--layer", "block1_pool"], "block1_pool"),
        (["--layer", "block9_conv1"], "block9_conv1"),
        (["--filters", "6"], "no filter 6"),
        (["--filters", "x"], "x"),
        (["--filters", "1", "1"], "twice"),
        (["--top", "0"], "0"),
        (["--steps", "0"], "steps"),
        (["--step-size", "0"], "step size"),
        (["--size", "0"], "size"),
        (["--size", "1"], "too small"),
        (["--border", "9"], "border"),
        (["--jitter", "-1"], "jitter"),
        (["--seed", "-1"], "seed"),
        (["--chunk", "0"], "chunk"),
        (["--start", "nowhere.png"], "nowhere.png"),
        (["--activating", "nowhere"], "nowhere"),
        (["--weights", "nowhere.h5"], "nowhere.h5"),
    ],
)
def test_wrong_options_are_named(options, names, arguments, tmp_path, capsys):
    assert names in fails([*arguments, *options], tmp_path / "out", capsys)


def test_files_that_are_no_images_are_named(arguments, tmp_path, capsys):
    text = tmp_path / "text.png"
    text.write_text("this is text")
    assert "text.png" in fails([*arguments, "--start", str(text)], tmp_path / "out", capsys)
    (tmp_path / "empty").mkdir()
    message = fails([*arguments, "--activating", str(tmp_path / "empty")], tmp_path / "out", capsys)
    assert "no images" in message


def test_named_weights_never_fall_back(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("vggjax.network.url_reachable", lambda *_, **__: False)
    assert "imagenet" in fails(["--weights", "imagenet"], tmp_path / "out", capsys)
