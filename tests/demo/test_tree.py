"""The rendered set on disk: it goes on after a kill, and what isn't as it was drawn isn't used."""

import shutil
import subprocess
import sys

import pytest

from vggjax import checksums, interrupts
from vggjax.data import load_demo
from vggjax.demo import class_names, demo_folder, render_image, tree
from vggjax.errors import DataError

RENDERS = "from vggjax.demo import demo_folder; demo_folder('target', 20)"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VGGJAX_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def drawn(cache, monkeypatch):
    """The images drawn, of only the first three classes."""
    names, drawn = class_names("target")[:3], []

    def draw(group, class_index, image_index):
        drawn.append((class_index, image_index))
        return render_image(group, class_index, image_index)

    monkeypatch.setattr(tree, "class_names", lambda group: names)
    monkeypatch.setattr(tree, "render_image", draw)
    return drawn


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def below(cache):
    """What is in the set's folder of the cache."""
    (folder,) = (cache / "demo").iterdir()
    return sorted(path.name for path in folder.iterdir())


def start():
    return subprocess.Popen([sys.executable, "-c", RENDERS], stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="without that program")
def test_the_list_is_one_for_sha256sum(drawn):
    folder = demo_folder("target", 2)
    command = ["sha256sum", "-c", "--strict", f"{folder.name}.sha256"]
    answer = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, check=True)
    assert answer.stdout.count(": OK") == 6


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError])
def test_an_interrupted_rendering_goes_on(cache, drawn, monkeypatch, failure, capsys):
    def fail(group, class_index, image_index):
        if class_index == 2:
            raise failure(28, "No space left on device")
        return render_image(group, class_index, image_index)

    with monkeypatch.context() as patch:
        patch.setattr(tree, "render_image", fail)
        words = "No space left" if failure is OSError else "28"
        with pytest.raises(DataError if failure is OSError else failure, match=words):
            demo_folder("target", 2)
    assert below(cache) == ["target-2", "target-2.sha256"]
    demo_folder("target", 2)
    assert drawn == [(2, 0), (2, 1)]
    assert checksums.problems(demo_folder("target", 2)) == []
    assert "damaged" not in capsys.readouterr().err


def test_an_interruption_says_what_is_kept(cache, drawn, monkeypatch):
    said = []

    def interrupt(group, class_index, image_index):
        if (class_index, image_index) == (1, 1):
            said.append(interrupts.kept())
            raise KeyboardInterrupt
        return render_image(group, class_index, image_index)

    monkeypatch.setattr(tree, "render_image", interrupt)
    with pytest.raises(KeyboardInterrupt):
        demo_folder("target", 2)
    assert said[0].startswith("3 of 6 rendered images are kept")


@pytest.mark.parametrize("how", ["removed", "flipped", "cut", "a link", "no list", "a cut list"])
def test_damage_is_drawn_again_and_told(drawn, tmp_path, how, capsys):
    folder = demo_folder("target", 2)
    before, list_ = contents(folder), checksums.list_of(folder)
    image = sorted(folder.rglob("*.jpg"))[3]
    content = image.read_bytes()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    if how in ("removed", "a link"):
        image.unlink()
        image.symlink_to(elsewhere) if how == "a link" else None
    elif how == "no list":
        list_.unlink()
    elif how == "a cut list":
        list_.write_bytes(list_.read_bytes()[:-70])
    else:
        image.write_bytes(
            content[:400] + (bytes([content[400] ^ 1]) + content[401:]) * (how[0] == "f")
        )
    problems = checksums.problems(folder)
    drawn.clear()
    capsys.readouterr()
    assert contents(demo_folder("target", 2)) == before
    again = {"no list": 6, "a cut list": 1}.get(how, 1)
    assert len(drawn) == again
    assert problems == {
        "removed": [f"{image} is missing"],
        "no list": [f"{folder} has no list of checksums"],
        "a cut list": [f"{max(folder.rglob('*.jpg'))} doesn't belong there"],
    }.get(how, [f"{image} is damaged"])
    told = "1 images are damaged or missing: drawn again" in capsys.readouterr().err
    assert told == ("list" not in how)
    assert elsewhere.read_text() == "mine"


def test_what_does_not_belong_there_is_named_and_stays(drawn):
    folder = demo_folder("target", 2)
    foreign = sorted(folder.iterdir())[0] / "cat.jpg"
    foreign.touch()
    (foreign.parent / ".hidden").touch()
    with pytest.raises(DataError, match=r"holds what doesn't belong there: .*cat\.jpg; move it"):
        load_demo("target", 2)
    assert checksums.problems(folder) == [f"{foreign} doesn't belong there"]
    foreign.unlink()
    assert load_demo("target", 2).notes == ("left out: 1 hidden file",)


def test_the_list_is_not_told_as_left_out(drawn):
    assert load_demo("target", 2).notes == ()


def test_of_two_processes_one_renders(cache):
    programs = [start(), start()]
    texts = [program.communicate()[1] for program in programs]
    assert [program.returncode for program in programs] == [0, 0]
    assert sum("Waiting for another" in text for text in texts) <= 1
    (lines,) = (cache / "demo").glob("*/*.sha256")
    assert len(lines.read_bytes().splitlines()) == 640, "each line is written once"
    assert below(cache) == ["target-20", "target-20.sha256"]
