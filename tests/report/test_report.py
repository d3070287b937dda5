import csv

import numpy as np
import pytest

from vggjax.model import softmax_head
from vggjax.report import (
    C1_TEST_ACCURACY,
    history_figure,
    image_grid,
    samples_figure,
    samples_table,
    save_figure,
    write_history,
)
from vggjax.report.tables import by_samples, mean_and_deviation
from vggjax.transfer import Epoch, Metrics, Run, Trained

PNG = b"\x89PNG"


def a_run(samples, seed, accuracy):
    return Run(
        samples=samples,
        seed=seed,
        train_images=samples * 3,
        test_accuracy=accuracy,
        test_loss=1.25,
        val_accuracy=0.5,
        val_loss=1.0,
        epochs=3,
        kept_epoch=2,
        trainable_parameters=10,
        frozen_parameters=20,
        seconds=0.1,
    )


RUNS = [a_run(4, 0, 0.5), a_run(2, 0, 0.25), a_run(4, 1, 0.7), a_run(2, 1, 0.25)]
HISTORY = tuple(
    Epoch(number, Metrics(1 / number, number / 4), Metrics(1.5 / number, number / 5))
    for number in (1, 2, 3)
)


def test_runs_are_grouped_in_rising_order():
    groups = by_samples(RUNS)
    assert {n: [run.seed for run in group] for n, group in groups.items()} == {2: [0, 1], 4: [0, 1]}
    assert list(groups) == [2, 4]


def test_deviation_is_the_sample_s():
    values = [0.5, 0.7, 0.9]
    expected = (np.mean(values), np.std(values, ddof=1))
    assert mean_and_deviation(values) == pytest.approx(expected)
    assert mean_and_deviation([0.5]) == (0.5, 0.0)


def test_the_table_shows_means_spread_and_the_report():
    header, rule, two, four = samples_table(RUNS, C1_TEST_ACCURACY).splitlines()
    assert header.split()[0] == "samples"
    assert set(rule) == {"-"}
    assert "0.2500 ± 0.0000" in two
    assert two.endswith("0.4518")
    assert "0.6000 ± 0.1414" in four
    assert four.endswith("0.5885")


def test_one_seed_has_no_spread_and_unreported_sizes_a_dash():
    line = samples_table([a_run(3, 0, 0.5)], C1_TEST_ACCURACY).splitlines()[-1]
    assert "±" not in line
    assert line.endswith(" -")


def test_figures_are_written_as_png(tmp_path):
    figures = {
        "history": history_figure(HISTORY, "title", kept_epoch=2),
        "train": history_figure([Epoch(1, Metrics(1, 1), None)], "no validation"),
        "samples": samples_figure(RUNS, "title", C1_TEST_ACCURACY, chance=0.1),
    }
    for name, figure in figures.items():
        save_figure(figure, tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").read_bytes().startswith(PNG)


def test_curves_are_the_history_s_numbers():
    loss, accuracy = history_figure(HISTORY, "title").axes
    assert loss.lines[0].get_ydata().tolist() == [1, 1 / 2, 1 / 3]
    assert accuracy.lines[1].get_ydata().tolist() == [1 / 5, 2 / 5, 3 / 5]


def test_history_file_round_trip(tmp_path):
    head = softmax_head((4,), 3)
    write_history(tmp_path / "history.csv", [Trained(RUNS[0], head, HISTORY)])
    with (tmp_path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_loss"]) for row in rows] == [1.5, 0.75, 0.5]
    assert rows[0]["samples"] == "4"
    assert rows[2]["epoch"] == "3"


def test_a_grid_shows_every_image():
    rows = [np.full((n, 8, 8, 3), 10 * n, np.uint8) for n in (2, 3, 1)]
    figure = image_grid(rows, ["two", "three", "one"], "title", pairs=2)
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["two", "three", "one"]
    assert [
        int((image == 10 * n).all(-1).sum()) for image, n in zip(shown, (2, 3, 1), strict=True)
    ] == [64 * n for n in (2, 3, 1)]
