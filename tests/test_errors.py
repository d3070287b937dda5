"""Users' names in what is printed: no name breaks a line, a table or the terminal."""

import csv

import numpy as np
import pytest

from vggjax.data.dataset import Dataset, summary
from vggjax.errors import DataError, VggjaxError, visible
from vggjax.predict import show, write_csv
from vggjax.report import Table
from vggjax.training.prediction import Prediction

NASTY = "a\tb\nc\r\x1b[31m\x85\u2028\u202ed"
SHOWN = r"a\tb\nc\r\x1b[31m\x85\u2028\u202ed"


def test_what_cannot_be_seen_is_written_out():
    assert visible(NASTY) == SHOWN
    for name in ("μέλισσα", "café au lait", "👩\u200d🔬", "a\\b", "a\udcff"):
        assert visible(name) == name


@pytest.mark.parametrize("kind", [VggjaxError, DataError])
def test_errors_are_one_line(kind):
    assert str(kind(f"There is no class {NASTY}.")) == f"There is no class {SHOWN}."


def test_errors_are_short_whatever_a_file_says():
    assert len(str(DataError("x" * 10**6))) == 2000
    assert len(str(DataError("\x1b" * 10**6))) == 2000  # each is written as four characters
    assert str(DataError("x" * 2000)) == "x" * 2000


def test_tables_keep_their_rows():
    table = Table(("class", "right"), ((NASTY, "1"), ("plain", "0")))
    lines = table.as_text().splitlines()
    assert [line.split()[0] for line in lines] == ["class", "-" * (len(SHOWN) + 7), SHOWN, "plain"]
    markdown = table.as_markdown().splitlines()
    assert len(markdown) == 4
    assert not any("\x1b" in line for line in markdown)


def test_predictions_are_a_line_each(capsys, tmp_path):
    one = Prediction({NASTY: 0.8, "other": 0.2}, sure=True)
    assert repr(one) == f"Prediction({SHOWN} 80.0 %, other 20.0 %)"
    show([(f"{NASTY}.png", one), ("b.png", one)], top=2)
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"{SHOWN}.png  {SHOWN}  80.0%   other  20.0%"
    assert second.index(SHOWN) == len(f"{SHOWN}.png  ")
    write_csv(tmp_path / "a.csv", [(f"{NASTY}.png", one)], (NASTY, "other"))
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        header, row = csv.reader(file)
    assert header == ["photo", "guess", "probability", "sure", NASTY, "other"]
    assert row == [f"{NASTY}.png", NASTY, "0.8", "1", "0.8", "0.2"]


def test_a_data_set_s_summary_has_a_line_for_each_class():
    names, ids = ("a\n1", r"a\n1"), ("x", "y", "z")
    dataset = Dataset("photos\x1b", names, ids, np.array([0, 0, 1], np.int32), lambda _: b"")
    lines = summary(dataset).splitlines()
    assert lines[0].startswith(r"photos\x1b: 2 classes")
    assert lines[1:] == [r"  a\n1       2", r"  a\n1       1"]
