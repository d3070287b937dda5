"""Table 2 as it is printed and reversed, and what numbers say of it (C5)."""

import numpy as np
import pytest
from engine.run_folder import Result
from experiment_helpers import run
from layers import LAYERS
from table_two import PRINTED, REVERSED, UNDECIDED, findings, reading_of, reported

from vggjax.data import ImageArray, load_folder, load_splits
from vggjax.features import extract
from vggjax.weights import load_vgg

LAYER_NAMES = ("block5_conv3", "block5_conv2", "block5_conv1")


def ranges(*values, width=0.01):
    return {
        name: (value, value - width, value + width)
        for name, value in zip(LAYER_NAMES, values, strict=True)
    }


@pytest.mark.parametrize(
    ("values", "reading"),
    [
        ((0.01, 0.09, 0.5), PRINTED),
        ((0.5, 0.09, 0.01), REVERSED),
        ((0.14, 0.01, 0.03), REVERSED),  # two of three pairs
        ((0.30, 0.305, 0.31), UNDECIDED),  # no two ranges apart
        ((0.1, 0.5, 0.1), UNDECIDED),  # one pair each way
    ],
)
def test_each_pair_of_layers_that_is_apart_votes(values, reading):
    assert reading_of(ranges(*values)) == reading


def test_both_readings_have_the_printed_numbers():
    both = reported()
    assert both[PRINTED]["block5_conv1"]["test accuracy"] == 0.5
    assert both[REVERSED]["block5_conv3"]["test accuracy"] == 0.5
    assert both[PRINTED]["block5_conv2"] == both[REVERSED]["block5_conv2"]
    assert both[REVERSED]["block5_conv3"]["learning rate"] == 1e-5, "the text's, by layer"
    assert both[REVERSED]["block5_conv1"]["train loss"] == 15.9056


def test_the_clipped_share_is_kept_and_explained(given, photos, small_weights, tmp_path):
    """Computed again: a 256-way Glorot head on the training images, in NumPy."""
    result = run(LAYERS, given, tmp_path)
    dataset, (split,) = load_folder(photos), load_splits(tmp_path / "split.json")
    chosen = split.indices(dataset, "train")
    images = ImageArray(dataset, chosen, 32, "crop")
    for layer, share in result["clipped"].items():
        rows = np.asarray(extract(load_vgg(str(small_weights), until=layer), images))
        import jax
        from flax import nnx

        kernel = nnx.initializers.glorot_uniform()(jax.random.key(0), (32, 256), np.float32)
        logits = (rows.reshape(len(rows), -1) @ np.asarray(kernel)).astype(np.float64)
        log_own = logits[np.arange(len(rows)), dataset.labels[chosen]] - np.log(
            np.exp(logits - logits.max(1, keepdims=True)).sum(1)
        ) - logits.max(1)  # fmt: skip
        assert share == pytest.approx((log_own < np.log(1e-7)).mean())
    first, second = findings(Result.read(tmp_path), "reference")
    assert first.startswith("before the first step, ")
    assert "of the training images have no gradient at block5_conv3, block5_conv2" in first
    assert second.startswith("our accuracies with its recipe speak for")


@pytest.mark.parametrize(
    ("accuracies", "words"),
    [
        ((0.5, 0.3, 0.1), "with its rows reversed"),
        ((0.1, 0.3, 0.5), "as it is printed"),
        ((0.004, 0.003, 0.002), "neither reading of Table 2 (undecided)"),  # all collapse
    ],
)
def test_what_our_accuracies_say_is_computed(accuracies, words, given, tmp_path):
    content = run(LAYERS, given, tmp_path) | {"classes": 256}
    content["clipped"] = dict(zip(LAYER_NAMES, (0.86, 0.99, 0.999), strict=True))
    own = [r for r in content["records"] if r["key"]["recipe"] == "reference"]
    for record in own:
        place = LAYER_NAMES.index(record["key"]["layer"])
        record["test"]["accuracy"] = accuracies[place]
        record["images"] = {"train": 8192, "validation": 6144, "test": 6144}
    first, second = findings(Result(content), "reference")
    assert first.startswith("before the first step, 86.0%, 99.0%, 99.9% of")
    assert first.endswith("this speaks for Table 2 with its rows reversed")
    assert words in second


def test_both_readings_stand_in_the_table_where_it_may_be_compared(given, tmp_path):
    content = run(LAYERS, given, tmp_path) | {"comparable": True}
    text = LAYERS.table(Result(content)).as_text()
    rows = [line.split() for line in text.splitlines()]
    shown = [row[:2] for row in rows if row[1:2] in (["printed"], ["reversed"])]
    assert shown == [
        ["block5_conv3", "printed"], ["block5_conv3", "reversed"], ["block5_conv2", "printed"],
        ["block5_conv1", "printed"], ["block5_conv1", "reversed"],
    ]  # fmt: skip
    assert max(map(len, text.splitlines())) <= 80
