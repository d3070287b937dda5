"""What each step towards the best linear head gives."""

import pytest
from experiment_helpers import run
from steps import LINEAR_STEPS, STEPS


@pytest.fixture
def result(given, tmp_path):
    options = ["--layer", "block5_conv1", "--beside", "block4_pool", "--samples", "2"]
    return run(LINEAR_STEPS, [*given, *options], tmp_path)


def test_each_step_is_what_it_says(result):
    chosen = {record["key"]["step"]: record["chosen"] for record in result["records"]}
    assert list(chosen) == list(STEPS)
    form = {name: text.split("(")[1].split(")")[0] for name, text in chosen.items()}
    assert form == {
        "flat": "flat",
        "average": "average",
        "length": "flat, unit length",
        "centred": "flat, centred, unit length",
        "root": "flat, square root, unit length",
        "root pyramid": "pyramid, square root, unit length",
        **dict.fromkeys(("pyramid", "flip", "large", "joined"), "pyramid, unit length"),
    }
    assert all(text.startswith("ridge") for text in chosen.values())
    layers = {name: text.split(" on ")[1].split(" (")[0] for name, text in chosen.items()}
    assert layers.pop("joined") == "block5_conv1 + block4_pool"
    assert {*layers.values()} == {"block5_conv1"}
    parameters = {r["key"]["step"]: r["trainable_parameters"] for r in result["records"]}
    assert parameters["flat"] == 3 * (2 * 2 * 8) + 3
    assert parameters["average"] == 3 * 8 + 3
    assert parameters["pyramid"] == 3 * (2 * 2 * 8 + 8) + 3


def test_views_are_more_training_examples(result):
    losses = {r["key"]["step"]: r["test"]["loss"] for r in result["records"]}
    assert len({losses[name] for name in ("pyramid", "flip", "large")}) == 3


def test_each_is_compared_with_the_pyramid(result):
    pairs = [(d["one"], d["other"]) for d in result["differences"]]
    others = [name for name in STEPS if name != "pyramid"]
    assert pairs == [([2, name], [2, "pyramid"]) for name in others]
