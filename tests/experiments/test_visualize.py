"""Filters by gradient ascent, and what excites them (U4)."""

import numpy as np
import pytest
import visualize
from experiment_helpers import run
from PIL import Image
from visualize import VISUALIZE

LAYER = "block2_conv2"


@pytest.fixture
def arguments(small_weights):
    return ["--weights", small_weights, "--layer", LAYER, "--steps", "2", "--size", "16"]


def test_each_filter_has_its_entry(arguments, tmp_path, capsys):
    result = run(VISUALIZE, arguments, tmp_path)
    assert (result["layer"], result["steps"], result["size"]) == (LAYER, 2, 16)
    assert sorted(entry["filter"] for entry in result["filters"]) == list(range(6))
    living = [entry for entry in result["filters"] if entry["status"] != "dead"]
    losses = [entry["last_loss"] for entry in living]
    assert losses == sorted(losses, reverse=True)
    assert [entry["rank"] for entry in living] == list(range(1, len(living) + 1))
    assert all(entry["rank"] is None for entry in result["filters"][len(living) :])
    assert capsys.readouterr().out.splitlines()[-1].startswith("small weights: 6 filters")


def test_the_grid_so_far_is_there_while_it_goes_on(arguments, tmp_path, monkeypatch):
    titles = []
    real = visualize.filter_figure
    monkeypatch.setattr(
        visualize, "filter_figure", lambda *a: (titles.append((len(a[0]), a[2])), real(*a))[1]
    )
    monkeypatch.setattr(visualize, "SECONDS_BETWEEN_GRIDS", 0)
    run(VISUALIZE, [*arguments, "--top", "2", "--chunk", "3"], tmp_path)
    assert titles == [
        (2, f"{LAYER}, small weights: 2 of 3 filters done so far, ranked"),
        (2, f"{LAYER}, small weights: 2 of 6 filters done so far, ranked"),
        (2, f"{LAYER}, small weights: 2 of 6 filters, ranked"),
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"filters.png", "result.json"}


def test_each_filter_and_the_activating_images(arguments, photos, tmp_path):
    options = ["--filters", "0", "2", "--each", "--activating", photos, "--rescue"]
    result = run(VISUALIZE, [*arguments, *options], tmp_path)
    living = [entry["filter"] for entry in result["filters"] if entry["rank"]]
    names = sorted(path.name for path in (tmp_path / "each").iterdir())
    assert names == [f"{LAYER}-{number:04d}.png" for number in sorted(living)]
    assert np.asarray(Image.open(tmp_path / "each" / names[0])).shape == (16, 16, 3)
    best = result["activating"][str(living[0])]
    assert len(best) == 8
    assert (photos / best[0]["image"]).is_file()
    assert best[0]["activation"] >= best[-1]["activation"]


def test_an_image_to_start_with_and_better_pictures(arguments, photos, tmp_path):
    start = ["--start", photos / "ants" / "0.png", "--filters", "1"]
    better = ["--jitter", "2", "--border", "1", "--fourier"]
    plain = run(VISUALIZE, [*arguments, *start], tmp_path / "plain")["filters"][0]
    other = run(VISUALIZE, [*arguments, *start, *better], tmp_path / "better")["filters"][0]
    assert plain["first_loss"] != other["first_loss"]


def test_no_picture_at_all_is_an_error_and_leaves_no_other_s(
    arguments, tmp_path, fails, monkeypatch
):
    """Filters 5, then 12, which is dead: no picture of filter 5 may pass for one of filter 12."""
    from dataclasses import replace

    original = visualize.ascend

    def dead(*given, **options):
        found = original(*given, **options)
        return replace(found, losses=0 * found.losses)

    run(VISUALIZE, [*arguments, "--filters", "5"], tmp_path)
    before = (tmp_path / "result.json").read_text()
    monkeypatch.setattr(visualize, "ascend", dead)
    message = fails(lambda: run(VISUALIZE, [*arguments, "--filters", "1"], tmp_path))
    assert "None of the 1 filters" in message
    assert (tmp_path / "result.json").read_text() == before, "and the other run is still whole"
    assert fails(lambda: run(VISUALIZE, arguments, tmp_path / "new"), tmp_path / "new")


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--layer", "fc1"], "fc1"),
        (["--layer", "block1_pool"], "block1_pool"),
        (["--filters", "6"], "no filter 6"),
        (["--filters", "x"], "x"),
        (["--filters", "1", "1"], "twice"),
        (["--top", "0"], "--top"),
        (["--steps", "0"], "--steps"),
        (["--step-size", "0"], "step size"),
        (["--size", "1"], "too small"),
        (["--border", "9"], "border"),
        (["--jitter", "-1"], "--jitter"),
        (["--chunk", "0"], "--chunk"),
        (["--start", "nowhere.png"], "nowhere.png"),
        (["--activating", "nowhere"], "nowhere"),
    ],
)
def test_wrong_options_are_named(options, names, arguments, tmp_path, fails):
    out = tmp_path / "out"
    assert names in fails(lambda: run(VISUALIZE, [*arguments, *options], out), out)


def test_files_that_are_no_images_are_named(arguments, tmp_path, fails):
    text, empty, out = tmp_path / "text.png", tmp_path / "empty", tmp_path / "out"
    text.write_text("this is text")
    assert "text.png" in fails(lambda: run(VISUALIZE, [*arguments, "--start", text], out), out)
    empty.mkdir()
    options = [*arguments, "--activating", empty]
    assert "no images" in fails(lambda: run(VISUALIZE, options, out), out)
