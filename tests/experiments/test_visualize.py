"""Filters by gradient ascent, and what excites them (U4)."""

from dataclasses import replace

import ascending
import numpy as np
import pytest
import visualize
from experiment_helpers import run
from PIL import Image
from visualize import VISUALIZE

from vggjax import interrupts

LAYER = "block2_conv2"


@pytest.fixture
def arguments(small_weights):
    return ["--weights", small_weights, "--layer", LAYER, "--steps", "2", "--size", "16"]


def test_each_filter_has_its_entry(arguments, tmp_path, capsys):
    """The reference's recipe takes all filters and ranks them."""
    result = run(VISUALIZE, [*arguments, "--recipe", "reference"], tmp_path)
    assert (result["layer"], result["steps"], result["size"]) == (LAYER, 2, 16)
    assert sorted(entry["filter"] for entry in result["filters"]) == list(range(6))
    living = [entry for entry in result["filters"] if entry["status"] != "dead"]
    losses = [entry["last_loss"] for entry in living]
    assert losses == sorted(losses, reverse=True)
    assert [entry["rank"] for entry in living] == list(range(1, len(living) + 1))
    assert all(entry["rank"] is None for entry in result["filters"][len(living) :])
    assert all(entry["last_before_relu"] <= entry["last_loss"] for entry in result["filters"])
    assert "the strongest of all 6 filters" in capsys.readouterr().out


def test_by_default_the_first_filters_are_shown_in_their_order(arguments, tmp_path, monkeypatch):
    titles = titles_of_grids(monkeypatch)
    result = run(VISUALIZE, [*arguments, "--top", "4"], tmp_path)
    assert [entry["filter"] for entry in result["filters"]] == [0, 1, 2, 3]
    assert result["statuses"] == {"alive": 4}
    assert titles[-1] == (4, f"{LAYER}, small weights: filters 0 to 3 of 6")


@pytest.mark.slow
def test_of_all_filters_only_what_is_shown_ascends_to_the_end(arguments, tmp_path, monkeypatch):
    """They are ranked by a short ascent at half the size."""
    asked = []
    real = ascending.growing_ascents

    def noted(chain, layer, filters, config, **options):
        asked.append((list(filters), config.steps, config.size))
        return real(chain, layer, filters, config, **options)

    monkeypatch.setattr(ascending, "growing_ascents", noted)
    options = ["--filters", "all", "--top", "2", "--size", "64", "--steps", "12"]
    result = run(VISUALIZE, [*arguments, *options], tmp_path)
    (screened, last) = asked
    assert screened == (list(range(6)), 10, 32)
    assert last == ([entry["filter"] for entry in result["filters"]], 12, 64)
    assert result["chosen"] == "2 of 6 filters, the strongest after 10 steps at 32 pixels"


def titles_of_grids(monkeypatch):
    """What `filter_figure` is given from now on: how many pictures, and the title."""
    titles = []
    real = visualize.filter_figure
    monkeypatch.setattr(
        visualize, "filter_figure", lambda *a: (titles.append((len(a[0]), a[2])), real(*a))[1]
    )
    return titles


def test_the_grid_so_far_is_there_while_it_goes_on(arguments, tmp_path, monkeypatch):
    titles = titles_of_grids(monkeypatch)
    monkeypatch.setattr(ascending, "SECONDS_BETWEEN_GRIDS", 0)
    run(VISUALIZE, [*arguments, "--steps", "12", "--chunk", "3"], tmp_path)
    words = f"{LAYER}, small weights: filters 0 to 5 of 6"
    counts = [3, 3, 3, 6, 6, 6]  # of each chunk after 4, after 8 and after 12 steps
    assert titles == [*((count, f"{words}, so far") for count in counts), (6, words)]
    assert {path.name for path in tmp_path.iterdir()} == {"filters.png", "result.json"}


def test_an_interrupted_ascent_leaves_its_grid(arguments, tmp_path, monkeypatch):
    real, said = ascending.growing_ascents, []

    def interrupted(*given, **options):
        yield next(real(*given, **options))
        said.append(interrupts.kept())
        raise KeyboardInterrupt

    monkeypatch.setattr(ascending, "growing_ascents", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(VISUALIZE, [*arguments, "--steps", "12"], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["filters-so-far.png"]
    assert "filters-so-far.png shows how far it came" in said[0]


def test_each_filter_and_the_activating_images(arguments, photos, tmp_path):
    options = ["--filters", "2", "0-0", "--each", "--activating", photos]
    result = run(VISUALIZE, [*arguments, *options], tmp_path)
    assert [entry["filter"] for entry in result["filters"]] == [2, 0]
    assert result["chosen"] == "2 of 6 filters"
    fewer = run(VISUALIZE, [*arguments, "--filters", "0-3", "--top", "2"], tmp_path / "fewer")
    assert fewer["chosen"] == "the strongest of 4 filters (of 6)"
    assert [entry["rank"] for entry in fewer["filters"]] == [1, 2, 3, 4]
    names = sorted(path.name for path in (tmp_path / "each").iterdir())
    assert names == [f"{LAYER}-{number:04d}.png" for number in (0, 2)]
    assert np.asarray(Image.open(tmp_path / "each" / names[0])).shape == (16, 16, 3)
    best = result["activating"]["2"]
    assert len(best) == 8
    assert (photos / best[0]["image"]).is_file()
    assert best[0]["activation"] >= best[-1]["activation"]


@pytest.mark.parametrize("recipe", ["vivid", "reference"])
def test_an_image_to_start_with(recipe, arguments, photos, tmp_path, capsys):
    options = [*arguments, "--filters", "0", "--recipe", recipe]
    start = ["--start", photos / "ants" / "0.png"]
    plain = run(VISUALIZE, options, tmp_path / "noise")["filters"][0]
    assert "starts anew" not in capsys.readouterr().out
    other = run(VISUALIZE, [*options, *start], tmp_path / "photo")["filters"][0]
    assert plain["first_loss"] != other["first_loss"]
    assert ("starts anew" in capsys.readouterr().out) == (recipe == "reference")


@pytest.mark.parametrize(
    ("recipe", "value", "status", "helps"),
    [
        ("vivid", np.nan, "1 diverged", "--step-size"),
        ("vivid", 0, "1 dead", "--filters"),
        ("reference", 0, "1 dead", "--recipe vivid"),
    ],
)
def test_no_picture_at_all_is_an_error_and_leaves_no_other_s(
    recipe, value, status, helps, arguments, tmp_path, fails, monkeypatch
):
    """Filter 5, then 1, which is dead: no picture of filter 5 may pass for one of filter 1."""
    original = ascending.growing_ascents

    def changed(*given, **options):
        for part in original(*given, **options):
            yield replace(part, losses=value * part.losses, before_relu=value * part.losses)

    run(VISUALIZE, [*arguments, "--filters", "5"], tmp_path)
    before = (tmp_path / "result.json").read_text()
    monkeypatch.setattr(ascending, "growing_ascents", changed)
    options = [*arguments, "--filters", "1", "--recipe", recipe]
    message = fails(lambda: run(VISUALIZE, options, tmp_path))
    for words in ("None of the 1 filters", status, helps):
        assert words in message
    assert (tmp_path / "result.json").read_text() == before, "and the other run is still whole"
    assert fails(lambda: run(VISUALIZE, options, tmp_path / "new"), tmp_path / "new")


def test_a_diverged_filter_is_left_out_and_said(arguments, tmp_path, monkeypatch, capsys):
    original = ascending.growing_ascents

    def changed(*given, **options):
        for part in original(*given, **options):
            before = part.before_relu.copy()
            before[1] = np.nan
            yield replace(part, before_relu=before)

    monkeypatch.setattr(ascending, "growing_ascents", changed)
    result = run(VISUALIZE, [*arguments, "--top", "3"], tmp_path)
    assert result["statuses"] == {"alive": 2, "diverged": 1}
    assert [entry["filter"] for entry in result["filters"]] == [0, 2, 1]
    assert result["filters"][-1]["last_before_relu"] is None
    assert "1 diverged" in capsys.readouterr().out.splitlines()[-1]


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
        (["--filters", "all", "3"], "all 3"),
        (["--filters", "0-9"], "no filter 6"),
        (["--filters", "4-2"], "no filters 4-2"),
        (["--filters", "-1"], "ranges"),
        (["--filters", "0-999999999"], "ranges"),
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
