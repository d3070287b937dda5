"""What a script says of the folder that it is given, before, in the result, and in its error."""

import shutil

import pytest
from caltech import CALTECH
from experiment_helpers import run
from visualize import VISUALIZE

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are empty files."""
    monkeypatch.setattr("engine.results.save_figure", lambda figure, path: path.write_bytes(b""))


@pytest.fixture
def folder(photos, tmp_path):
    return shutil.copytree(photos, tmp_path / "photos")


@pytest.fixture
def given(folder, small_weights):
    sizes = ("--samples", "2", "--val", "2", "--test", "2", "--no-classifiers")
    return [*sizes, "--data-dir", str(folder), "--weights", str(small_weights)]


def said(text):
    return " ".join(text.split())


@pytest.mark.usefixtures("no_heif")
def test_one_line_says_what_was_found_and_left_out(folder, given, tmp_path, capsys):
    for number in range(20):
        (folder / "bees" / f"{number}.HEIC").write_bytes(b"")
    (folder / "ants" / "0.png").rename(folder / "loose.png")
    (folder / "@eaDir").mkdir()
    run(CALTECH, given, tmp_path / "out")
    line = (
        "photos: 3 classes, 29 images, 9 (ants) to 10 (bees) a class; left out: 20 .HEIC (pip "
        "install pillow-heif reads them), 1 folder of a file server, 1 loose image"
    )
    assert said(capsys.readouterr().out).startswith(line)
    assert (tmp_path / "out" / "dataset.txt").read_text().startswith(line)


def test_copies_are_a_remark(folder, given, tmp_path, capsys):
    shutil.copy(folder / "ants" / "0.png", folder / "bees" / "copy.png")
    result = run(CALTECH, given, tmp_path / "out")
    assert result["remarks"] == [
        "1 image is in several classes, byte for byte (ants/0.png is bees/copy.png); one part of a "
        "split has all copies."
    ]
    assert result["remarks"][0] in said(capsys.readouterr().out)


def test_all_unreadable_images_are_named_at_once_or_skipped(folder, given, tmp_path, fails):
    bad = [folder / "ants" / f"{number}.png" for number in range(8)]
    bad += [folder / "cats" / f"empty{number}.png" for number in range(4)]
    for number, path in enumerate(bad):
        path.write_bytes(b"<html>" + bytes([number]) if number < 8 else b"")
    out = tmp_path / "out"
    message = fails(lambda: run(CALTECH, given, out), out)
    assert "Cannot read 12 images: ants/0.png (an HTML page), ants/1.png" in message
    assert "… and 2 more; replace or remove them; --skip-unreadable goes on" in message
    message = fails(lambda: run(CALTECH, [*given, "--skip-unreadable"], out), out)
    assert "class ants of photos has 2 images, too few" in message
    for path in bad[3:8]:
        path.unlink()
    third = folder / "ants" / "third.png"
    third.write_bytes((folder / "ants" / "9.png").read_bytes() + b"\0")
    result = run(CALTECH, [*given, "--skip-unreadable"], out)
    short, skipped = result["remarks"]
    assert short == (
        "Fewer images than asked for: the class ants has 1 of 2 train, 1 of 2 validation, 1 of 2 "
        "test images."
    )
    assert skipped.startswith("Skipped images that can't be read, 7: ants/0.png (an HTML page),")
    assert (
        (out / "dataset.txt")
        .read_text()
        .splitlines()[0]
        .endswith("skipped: 7 images that can't be read")
    )
    assert run(CALTECH, [*given, "--skip-unreadable"], out) == result


def test_a_good_folder_is_the_same_run_with_and_without_skipping(given, tmp_path, capsys):
    first = run(CALTECH, given, tmp_path / "out")
    assert run(CALTECH, [*given, "--skip-unreadable"], tmp_path / "out") == first
    assert "has this run already" in capsys.readouterr().out


def test_photos_that_excite_a_filter(folder, small_weights, tmp_path, capsys, fails):
    """No class, no split: the folder's line where there is something to say."""
    arguments = ["--layer", "block2_conv2", "--steps", "1", "--size", "16", "--activating", folder]
    arguments += ["--weights", small_weights]
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "._0.png").write_bytes(b"\0\5\x16\7")
    run(VISUALIZE, arguments, tmp_path / "out")
    line = "photos: 30 images; left out: 1 folder of the system"
    assert said(capsys.readouterr().out).startswith(line)
    for name in ("ants/0.png", "bees/0.png"):
        (folder / name).write_bytes(b"\0\5\x16\7")
    message = fails(lambda: run(VISUALIZE, [*arguments, "--again"], tmp_path / "other"))
    assert "Cannot read 2 images: ants/0.png (a Mac's notes on a file (AppleDouble)) and" in message
