"""How command lines end, whatever the terminal and the names of files are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from vggjax.model import softmax_head
from vggjax.training import Classifier

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "latin-1"])
def test_names_that_the_terminal_cannot_show(encoding, backbone, small_weights, tmp_path):
    """A name in Greek, and one that is no UTF-8 at all."""
    names = ("μέλισσα", "ant", "cat")
    head = softmax_head((16,), 3, start="glorot")
    Classifier(backbone, head, names, weights=str(small_weights)).save(tmp_path / "classifier")
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in (b"a\xff.png", "β.png".encode()):
        with (photos / os.fsdecode(name)).open("wb") as file:
            Image.new("RGB", (40, 40), "red").save(file, "png")
    command = [sys.executable, "-m", "vggjax.predict", str(tmp_path / "classifier"), str(photos)]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode(encoding).splitlines()
    assert len(lines) == 2
    assert all("ant" in line for line in lines)
    assert (r"\u03b2.png" if encoding != "utf-8" else "β.png") in lines[1]


@pytest.mark.skipif(os.name != "posix", reason="pipes end otherwise there")
@pytest.mark.parametrize(
    "command",
    [
        ("-m", "vggjax.weights", "describe", "weights/demo"),
        ("-m", "vggjax", "weights", "describe", "weights/demo"),
        (
            "-m",
            "vggjax.cache",
        ),
        ("experiments/demo_set.py", "--help"),
    ],
    ids=" ".join,
)
def test_a_reader_that_has_seen_enough(command):
    """As `| head -1`: the pipe is closed before anything is written."""
    read, write = os.pipe()
    os.close(read)
    program = [sys.executable, *command]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        program, stdout=write, stderr=subprocess.PIPE, cwd=ROOT, env=environment, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")
