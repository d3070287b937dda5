"""Heads on layers (C5, U5) and on softened probabilities (B1)."""

import csv

import pytest
from experiment_helpers import run
from layers import LAYERS, POOLED, REFERENCE
from temperature import TEMPERATURE

from vggjax.training import Classifier
from vggjax.weights import WeightsInfo, save

RATES = {"block5_conv3": 1e-5, "block5_conv2": 1e-6, "block5_conv1": 1e-7}  # of C5's text


@pytest.fixture
def passes(monkeypatch):
    """The layers of each pass over the images."""
    seen = []
    from engine import heads

    original = heads.extract_views
    monkeypatch.setattr(
        heads, "extract_views", lambda *a: (seen.append(list(a[1])), original(*a))[1]
    )
    return seen


def test_both_recipes_on_three_layers(given, tmp_path):
    result = run(LAYERS, [*given, "--seed", "0", "1"], tmp_path)
    records = result["records"]
    assert len(records) == 2 * 3 * 2, "seeds, layers, recipes"
    for record in records:
        assert record["trainable_parameters"] == 2 * 2 * 8 * 3 + 3
        if record["key"]["recipe"] == REFERENCE:
            assert record["learning_rate"] == RATES[record["key"]["layer"]]
            assert record["test"]["loss"] < 16.2
        else:
            assert record["learning_rate"] == 0.5 / 32
    frozen = {record["key"]["layer"]: record["frozen_parameters"] for record in records}
    assert frozen["block5_conv3"] - frozen["block5_conv2"] == 3 * 3 * 8 * 8 + 8


@pytest.mark.parametrize(
    ("name", "rates"),
    [
        ("listing-a", {f"block5_conv{n}": 1e-4 for n in (1, 2, 3)}),
        ("listing-b", {"block5_conv3": 1e-7, "block5_conv2": 1e-7, "block5_conv1": 1e-6}),
    ],
)
def test_its_code_s_learning_rates_can_be_asked_for(name, rates, given, tmp_path):
    result = run(LAYERS, [*given, "--rates", name, "--as-its-code"], tmp_path)
    found = {r["key"]["layer"]: r["learning_rate"] for r in result["records"]}
    assert found == rates
    assert {r["key"]["recipe"] for r in result["records"]} == {REFERENCE}
    assert result["mark"] == " (as its code)"


def test_each_recipe_has_its_own_start():
    options = LAYERS.options().resolved(reference=True)
    assert [options.start_of(recipe) for recipe in options.recipes] == ["glorot", "zero"]
    assert LAYERS.options(start="zero").resolved(True).start_of(REFERENCE) == "zero"


def test_all_layers_and_seeds_come_from_one_pass(given, tmp_path, passes):
    options = ["--layers", "fc1", "block2_pool", "fc1", "--seed", "0", "1"]
    run(LAYERS, [*given, *options], tmp_path)
    assert passes == [["fc1", "block2_pool"]]
    with (tmp_path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["layer"] for row in rows} == {"fc1", "block2_pool"}
    assert len(rows) == 2 * 2 * 2 * 3


def test_pooled_heads_have_the_reference_s_other_recipe(given, tmp_path):
    pooled, flat = POOLED.options(pool=True), LAYERS.options()
    assert (pooled.batch_size, pooled.patience, pooled.epochs) == (11, 6, 100)
    assert (pooled.samples, pooled.val, pooled.test) == ((32,), 16, 16)
    assert (flat.samples, flat.val, flat.test) == ((32,), 24, 24)
    assert (flat.batch_size, flat.patience, flat.epochs) == (32, None, 30)
    result = run(POOLED, [*given, "--pool"], tmp_path)
    assert {record["trainable_parameters"] for record in result["records"]} == {8 * 3 + 3}
    own = [r for r in result["records"] if r["key"]["recipe"] == REFERENCE]
    assert {record["learning_rate"] for record in own} == {1e-5}


@pytest.mark.parametrize("option", ["--reference-split", "--as-its-code"])
def test_pooled_heads_can_be_tested_as_in_the_reference(option, given, tmp_path):
    result = run(POOLED, [*given, "--pool", "--layers", "block5_conv3", option], tmp_path)
    assert result["mark"].endswith("validation = test)")
    for record in result["records"]:
        assert record["images"] == {"train": 12, "validation": 18, "test": 18}
        assert record["test"] == record["validation"]


def test_a_vgg19_s_own_layers_are_known(given, small_config, random_tree, tmp_path):
    """The table comes from the weights, not from VGG16."""
    from dataclasses import replace

    config = replace(small_config, depths=(2, 2, 4, 4, 4))
    save(tmp_path / "w", random_tree(config), WeightsInfo("nineteen", "test", "", config, {}))
    options = ["--weights", tmp_path / "w", "--layers", "block5_conv4", "block1_pool"]
    result = run(LAYERS, [*given, *options], tmp_path / "out")
    assert {record["key"]["layer"] for record in result["records"]} == {
        "block5_conv4",
        "block1_pool",
    }


@pytest.mark.parametrize(
    ("one", "options", "layers"),
    [
        (LAYERS, ["--classifiers", "--layers", "block5_conv3"],
         ("head_flatten", "head_standardize", "head")),
        (TEMPERATURE, ["--temperatures", "2"], ("temperature", "head")),
    ],
)  # fmt: skip
def test_their_heads_are_saved_too(one, options, layers, given, tmp_path, photos):
    run(one, [*given, *options], tmp_path)
    saved = sorted(tmp_path.glob("classifier-*"))
    loaded = Classifier.load(saved[-1])
    assert loaded.head.names == layers
    (prediction,) = loaded.predict([photos / "bees" / "1.png"])
    assert sum(prediction.values()) == pytest.approx(1, rel=1e-5)


def test_the_reference_s_temperatures_are_the_default():
    options = TEMPERATURE.options()
    assert options.temperatures == (1, 2, 4, 8, 16)
    assert (options.samples, options.val, options.test) == ((10,), 3, 10)
    assert (options.epochs, options.batch_size, options.lr) == (15, 32, 1e-3)
    assert (options.patience, options.fit_config(0).min_delta) == (0, 1e-3)


def test_a_head_for_each_temperature(given, tmp_path):
    options = ["--temperatures", "4", "1", "--seed", "0", "1", "--epochs", "15"]
    result = run(TEMPERATURE, [*given, *options], tmp_path)
    keys = [tuple(record["key"].values()) for record in result["records"]]
    assert keys == [(1, 0), (4, 0), (1, 1), (4, 1)]
    for record in result["records"]:
        assert record["trainable_parameters"] == 5 * 3 + 3
        assert 1 <= record["epochs"] <= 15


@pytest.mark.parametrize(
    ("one", "options", "words"),
    [
        (POOLED, ["--pool", "--layers", "fc2"], "--pool with fc2: A pooled head needs maps"),
        (POOLED, ["--pool", "--rates", "listing-a"], "--rates are those of heads without --pool"),
        (LAYERS, ["--lr", "0"], "above zero"),
        (TEMPERATURE, ["--temperatures", "0"], "A temperature must be above zero, not 0."),
        (TEMPERATURE, ["--patience", "-1"], "--patience must be at least 0"),
    ],
)
def test_mistakes_are_one_sentence(one, options, words, given, tmp_path, fails):
    out = tmp_path / "out"
    assert words in fails(lambda: run(one, [*given, *options], out), out)
