import csv

import numpy as np
import pytest
from judging_helpers import HARD, answers

from vggjax.evaluation import Suspect
from vggjax.report import write_classes, write_confusion, write_predictions, write_suspects


@pytest.fixture(scope="module")
def told():
    return answers(HARD)


def read(path):
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.reader(file))


def test_every_image_has_a_line(told, tmp_path):
    write_predictions(tmp_path / "t.csv", told)
    header, *rows = read(tmp_path / "t.csv")
    assert header[:4] == ["image", "class", "guess", "right"]
    assert header[6:] == [f"P({name})" for name in HARD]
    assert [row[0] for row in rows] == list(told.ids), "names of files come back as they are"
    assert rows[3][:6] == ["$x_1/3.jpg", "$x_1", "caf\udce9", "0", "0.9", "0.025"]
    said = np.array([row[6:] for row in rows], float)
    assert said == pytest.approx(told.probabilities)


def test_a_class_may_be_called_like_a_column(tmp_path):
    write_predictions(tmp_path / "t.csv", answers(("left", "right", "image", "P(left)")))
    header = read(tmp_path / "t.csv")[0]
    assert len(set(header)) == len(header)


def test_of_many_classes_the_likeliest_follow(tmp_path):
    told = answers([f"class {n}" for n in range(60)])
    told.probabilities[0, [7, 9]] = told.probabilities[0, [7, 9]] + [0.0005, 0.0002]
    write_predictions(tmp_path / "t.csv", told)
    header, first, *_ = read(tmp_path / "t.csv")
    assert header[6:] == [f"{what} {n}" for n in range(1, 6) for what in ("class", "probability")]
    assert first[6::2] == ["class 0", "class 7", "class 9", "class 1", "class 2"]
    assert float(first[7]) == pytest.approx(0.9)


def test_the_confusion_matrix_is_read_back(told, tmp_path):
    write_confusion(tmp_path / "t.csv", told)
    (corner, *names), *rows = read(tmp_path / "t.csv")
    assert (corner, tuple(names), tuple(row[0] for row in rows)) == ("true class", HARD, HARD)
    counts = np.array([row[1:] for row in rows], int)
    assert np.array_equal(counts, 3 * np.eye(5) + np.roll(np.eye(5), 1, axis=1))


def test_classes_have_numbers_and_their_chief_mistake(told, tmp_path):
    write_classes(tmp_path / "t.csv", told)
    header, *rows = read(tmp_path / "t.csv")
    assert header == ["class", "images", "right", "low", "high", "most often taken for"]
    assert rows[0] == ["$x_1", "4", "0.75", "0.300642", "0.954413", "caf\udce9"]
    assert sorted(row[0] for row in rows) == sorted(HARD)


def test_suspects_have_both_classes_and_probabilities(told, tmp_path):
    write_suspects(tmp_path / "t.csv", told, [Suspect(7, 2), Suspect(0, 1)])
    header, *rows = read(tmp_path / "t.csv")
    assert header[:3] == ["image", "label", "suggested"]
    assert rows[0] == ["caf\udce9/7.jpg", "caf\udce9", "two\nlines", "0.025", "0.9"]
    assert rows[1][2] == "caf\udce9"
