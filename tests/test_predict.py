"""`python -m vggjax.predict`: a line for each photo, tables, what can't be read."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from vggjax import predict
from vggjax.model import softmax_head
from vggjax.training import Classifier

NAMES = ("ants", "bees", "cats")


@pytest.fixture(scope="module")
def saved(small_vgg, small_weights, tmp_path_factory):
    folder = tmp_path_factory.mktemp("predict") / "classifier"
    head = softmax_head((16,), 3, seed=1, start="glorot")
    known = {"weights": str(small_weights), "sure_above": 0.7}
    Classifier(small_vgg.until("fc2"), head, NAMES, **known).save(folder)
    return str(folder)


@pytest.fixture
def photos(tmp_path):
    """40 photos, in two folders."""
    random = np.random.default_rng(2)
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for number in range(40):
        place = folder / "more" if number % 2 else folder
        pixels = random.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{number:02}.png")
    return folder


def test_lines_and_tables(saved, photos, tmp_path, capsys):
    expected = Classifier.load(saved).predict(photos)
    assert predict.run([saved, str(photos), "--top", "1", "--csv", str(tmp_path / "t.csv")]) == 0
    assert predict.run([saved, str(photos), "--json", str(tmp_path / "t.json")]) == 0
    lines = capsys.readouterr().out.splitlines()[:40]
    with (tmp_path / "t.csv").open() as file:
        rows = list(csv.DictReader(file))
    stored = json.loads((tmp_path / "t.json").read_text())
    assert len(rows) == len(stored) == len(expected) == 40
    for line, row, one, told in zip(lines, rows, stored, expected, strict=True):
        assert line.startswith(row["photo"])
        assert row["photo"] == one["photo"]
        assert row["guess"] == one["guess"] == told.name
        assert ("unsure" in line) == (told.probability < 0.7) == (row["sure"] == "0")
        assert one["probabilities"] == pytest.approx(dict(told))
        assert [float(row[name]) for name in NAMES] == pytest.approx(
            [told[name] for name in NAMES], rel=1e-5
        )


def test_what_is_left_out_of_a_folder_is_told(saved, photos, capsys):
    (photos / "@eaDir").mkdir()
    (photos / "more" / "notes.txt").write_text("")
    assert predict.run([saved, str(photos)]) == 0
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 40
    assert f"{photos}: left out: 1 .txt, 1 folder of a file server\n" in told.err


def test_ten_sentences_and_a_number():
    assert predict.some(["a.", "b."]) == "a. b."
    assert predict.some(["x."] * 13).endswith("x. … and 3 more.")


def test_one_photo_has_the_numbers_of_many(saved, photos):
    """Bit for bit: it is computed alone, they are computed in batches."""
    classifier = Classifier.load(saved)
    together = classifier.predict(photos)
    first = sorted(photos.glob("*.png"))[0]
    assert dict(classifier.predict(first)) == dict(together[0])


def test_what_cannot_be_read_stops_or_is_left_out(saved, photos, tmp_path, capsys):
    (photos / "more" / "00.jpg").write_text("<html>not found</html>")
    table = tmp_path / "t.csv"
    assert predict.run([saved, str(photos), "--csv", str(table)]) == 2
    told = capsys.readouterr()
    assert "00.jpg" in told.err
    assert "--skip-unreadable leaves them out" in told.err
    assert not table.exists()
    assert predict.run([saved, str(photos), "--csv", str(table), "--skip-unreadable"]) == 0
    assert "left out, 1: " in capsys.readouterr().err
    assert len(table.read_text().splitlines()) == 41


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["nowhere", "{photos}"], "nowhere is not a folder of saved classifier files"),
        (["{saved}", "nowhere.png"], "There is no image file nowhere.png"),
        (["{saved}", "{empty}"], "empty"),
        (["{saved}", "{photos}", "--top", "0"], "At least one class"),
        (["{saved}", "{photos}", "--csv", "{empty}"], "empty: Is a directory"),
    ],
)
def test_mistakes_are_one_sentence(given, sentence, saved, photos, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    places = {"saved": saved, "photos": photos, "empty": tmp_path / "empty"}
    assert predict.run([text.format(**places) for text in given]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("error: ")
    assert sentence in message
