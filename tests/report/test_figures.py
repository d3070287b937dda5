import csv

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from test_tables import record

from vggjax.model import softmax_head
from vggjax.report import (
    LayerMaps,
    accuracy_figure,
    activating_figure,
    bars_figure,
    filter_figure,
    history_figure,
    image_grid,
    maps_figure,
    readable,
    save_figure,
    stitch,
    validation_figure,
    write_history,
)
from vggjax.report.figure import new_figure
from vggjax.report.lines import shown
from vggjax.training import Epoch, Metrics, TrainedHead, judge

HISTORY = tuple(
    Epoch(number, Metrics(1 / number, number / 4), Metrics(1.5 / number, number / 5))
    for number in (1, 2, 3)
)


@pytest.fixture
def head():
    own, logits = softmax_head((4,), 3), (np.eye(3), np.arange(3))
    return TrainedHead(record(4, 0, 0.5), ("fc2",), own, own, judge(logits, logits), HISTORY)


@pytest.fixture
def groups():
    return {2: [record(2, 0, 0.25)], 4: [record(4, 0, 0.5)]}


def test_figures_are_written_as_png(head, groups, tmp_path):
    figures = {
        "history": history_figure({"a": head}, "title"),
        "validation": validation_figure({"p": {"a": head}, "q": {"a": head}}, "title"),
        "accuracy": accuracy_figure({"": groups}, "title", "n", 0.1),
        "bars": bars_figure({"r": groups, "s": groups}, "t", 0.1, {"printed": {2: 0.3}}, "that"),
    }
    for name, figure in figures.items():
        save_figure(figure, tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_curves_are_the_history_s_numbers_and_stay_visible_at_the_top(head):
    loss, accuracy = history_figure({"a": head}, "title").axes
    assert loss.lines[0].get_ydata().tolist() == [1, 1 / 2, 1 / 3]
    assert accuracy.lines[1].get_ydata().tolist() == [1 / 5, 2 / 5, 3 / 5]
    assert accuracy.get_ylim()[1] > 1
    kept = [line for line in loss.lines if line.get_label() == "kept epoch"]
    assert kept[0].get_xdata() == [2, 2]


def test_several_heads_are_columns_of_one_figure(head):
    figure = history_figure({"a": head, "b": head, "c": head}, "title")
    assert [axes.get_title() for axes in figure.axes[:3]] == ["a", "b", "c"]
    assert len(figure.axes) == 6


def test_accuracies_have_their_interval_and_the_reference_s_beside_them(groups):
    plain, beside = (accuracy_figure({"": groups}, "t", "n", 0.1, known, "that", "validation")
                     for known in (None, {2: 0.3, 8: 0.6}))  # fmt: skip
    labels = [[t.get_text() for t in f.axes[0].get_legend().get_texts()] for f in (plain, beside)]
    assert any("95 % interval" in text for text in labels[0])
    assert not any("reference" in text for text in labels[0])
    assert "reference's validation (that)" in labels[1]
    assert "validation" in labels[1], "ours stand beside the reference's own measure"
    assert "validation" not in labels[0]
    curves = {line.get_label(): line.get_ydata() for line in beside.axes[0].lines}
    assert curves["training"].tolist() == [1, 1]
    assert curves["validation"].tolist() == [0.5, 0.5]
    bars = [c for c in plain.axes[0].containers if c.has_yerr]
    (segments,) = (c[2][0].get_segments() for c in bars)
    assert all(
        low[1] < middle < high[1] for (low, high), middle in zip(segments, (0.25, 0.5), strict=True)
    )


def test_bars_of_both_readings_stand_beside_ours(groups):
    layers = {f"layer{n}": own for n, own in groups.items()}
    readings = {"printed": {"layer2": 0.25, "other": 1}, "reversed": {"layer4": 0.75}}
    figure = bars_figure({"steady": layers}, "t", 0.1, readings, "that")
    (axes,) = figure.axes
    bars = [c for c in axes.containers if hasattr(c, "patches")]
    heights = {c.get_label(): [p.get_height() for p in c.patches] for c in bars}
    assert heights == {
        "ours, steady": [0.25, 0.5],
        "reported, printed (that)": [0.25],
        "reported, reversed (that)": [0.75],
    }
    (training,) = [c for c in axes.collections if c.get_label() == "training"]
    assert {y for segment in training.get_segments() for _, y in segment} == {1}


def test_history_file_round_trip(head, tmp_path):
    write_history(tmp_path / "history.csv", [head])
    with (tmp_path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_loss"]) for row in rows] == [1.5, 0.75, 0.5]
    assert (rows[0]["samples"], rows[0]["seed"], rows[2]["epoch"]) == ("4", "0", "3")


def test_a_grid_shows_every_image():
    rows = [np.full((n, 8, 8, 3), 10 * n, np.uint8) for n in (2, 3, 1)]
    figure = image_grid(rows, ["two", "three", "one"], "title", pairs=2)
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["two", "three", "one"]
    pairs = zip(shown, (2, 3, 1), strict=True)
    counts = [int((image == 10 * n).all(-1).sum()) for image, n in pairs]
    assert counts == [64 * n for n in (2, 3, 1)]


def test_stitched_pictures_are_five_pixels_apart():
    canvas = stitch(np.zeros((3, 4, 4), np.uint8), columns=2)
    assert canvas.shape == (23, 23)
    black = canvas == 0
    assert black.sum() == 3 * 16
    assert black[5:9, 5:9].all()
    assert black[5:9, 14:18].all()
    assert black[14:18, 5:9].all()


def test_figures_of_pictures_say_what_they_show():
    pictures = np.zeros((3, 8, 8, 3), np.uint8)
    figure = filter_figure(pictures, ["a", "b", "c"], "a title", "a note")
    assert [t.get_text() for t in figure.axes[0].texts] == ["a", "b", "c"]
    assert {"a title", "a note"} <= {t.get_text() for t in figure.texts}
    rows = activating_figure(pictures[:2], np.zeros((2, 3, 8, 8, 3), np.uint8),
                             [["f"] * 4] * 2, "t", "n")  # fmt: skip
    assert len(rows.axes[0].texts) == 8


def test_each_map_has_its_number_and_its_largest_value():
    largest = np.array([[0.5, 12200.0], [1, 2], [3, 4]])
    maps = LayerMaps(
        "block1_conv1", np.array([1, 7]), 16, np.zeros((3, 2, 8, 8), np.uint8), largest
    )
    images = np.zeros((3, 8, 8, 3), np.uint8)
    shown = maps_figure(images, ["x", "y", "z"], [maps], "title")
    titles = [axes.get_title() for axes in shown.axes]
    assert titles[1] == "block1_conv1\n(2 of 16 maps, each 8 x 8)"
    assert [titles[0], titles[2], titles[4]] == ["x", "y", "z"]
    assert [t.get_text() for t in shown.axes[1].texts] == ["1: 0.5", "7: 12,200"]


@pytest.mark.parametrize(("value", "text"), [(12200, "12,200"), (0.03456, "0.0346"), (0, "0")])
def test_numbers_are_readable(value, text):
    assert readable(value) == text


@pytest.mark.parametrize("count", [1, 3, 16])
def test_titles_and_notes_are_never_cut(count):
    """However long they are and however few pictures there are; measured as they are drawn."""
    title, note = "block5_conv3, a_long_name_of_weights weights: " * 4, "a note of some length " * 9
    pictures = np.zeros((count, 8, 8, 3), np.uint8)
    maps = LayerMaps("block5_conv3", np.arange(1), 9, pictures[:1, None, ..., 0], np.ones((1, 1)))
    for figure in (
        filter_figure(pictures, ["12: 12,200"] * count, title, note),
        maps_figure(pictures[:1], ["photo.jpg"], [maps], title),
    ):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        edge = figure.bbox
        boxes = [text.get_window_extent(canvas.get_renderer()) for text in figure.texts]
        assert len(boxes) == 2
        assert all(edge.x0 <= box.x0 and box.x1 <= edge.x1 for box in boxes)
        assert all(edge.y0 <= box.y0 and box.y1 <= edge.y1 for box in boxes)


@pytest.mark.parametrize("name", [r"$\frac{", "a $ and a $", "caf\udce9", "\u732b", "two\nlines"])
def test_a_user_s_text_is_drawn_as_it_is(name):
    """Not as a formula, whatever letters a font lacks, wherever it stands."""
    figure = new_figure((3, 2))
    axes = figure.subplots()
    axes.set_title(name)
    axes.plot([1, 2], label=f"of {name}")
    axes.set_xticks([0], [shown(name)])
    axes.legend()
    FigureCanvasAgg(figure).draw()
    assert axes.get_title() == name.replace("\udce9", "\ufffd")
