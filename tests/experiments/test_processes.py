"""Real processes on one run folder: killed at any moment, or two at once."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import caltech
import pytest
from engine.run_folder import Result

from vggjax.files import content_hash
from vggjax.weights.checkpoint import read_layers

pytestmark = pytest.mark.slow
SCRIPT = Path(caltech.__file__)
ALWAYS = """
import sys
from vggjax.training import resume
resume.SECONDS_BETWEEN = 0  # the progress is kept after each epoch
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
import caltech
caltech.main(caltech.CALTECH)
"""


@pytest.fixture
def arguments(photos, small_weights):
    return [
        *("--data-dir", photos, "--weights", small_weights, "--samples", "2", "4", "--val", "3"),
        *("--test", "3", "--epochs", "6", "--head", "steady", "auto", "--unfreeze", "block5"),
    ]


@pytest.fixture
def start(tmp_path):
    """Starts the script in a process of its own."""
    started = []
    environment = {**os.environ, "VGGJAX_CACHE": str(tmp_path / "cache")}
    environment["PYTHONPATH"] = str(SCRIPT.parents[1])

    def start(arguments, out):
        command = [sys.executable, "-c", ALWAYS, SCRIPT, *arguments, "--out", out]
        pipe = subprocess.PIPE
        program = subprocess.Popen(
            [*map(str, command)], env=environment, stdout=pipe, stderr=pipe, text=True
        )
        started.append(program)
        return program

    yield start
    for program in started:
        program.kill()
        program.communicate()


def numbers(out):
    """All of a result that doesn't tell of its time, and its classifiers' numbers."""
    content = dict(Result.load(out).content)
    for name in ("seconds", "checksums", "command", "settings"):
        del content[name]
    for record in content["records"]:
        del record["seconds"]
    heads = {}
    for folder in sorted(out.glob("classifier-*")):
        about = json.loads((folder / "classifier" / "metadata").read_text())
        shapes = {n: {r: tuple(s) for r, s in own.items()} for n, own in about["shapes"].items()}
        assert read_layers(folder, shapes, about["digests"])[1] == [], "they are as described"
        heads[folder.name] = about
    tables = {path.name: content_hash(path) for path in sorted(out.glob("*.csv"))}
    return content, heads, tables


def finished(program, patience):
    out, err = program.communicate(timeout=patience)
    assert program.returncode == 0, err
    return out, err


@pytest.mark.parametrize("again", [False, True])
def test_killed_at_any_moment_the_next_ends_like_an_undisturbed_one(
    again, arguments, start, tmp_path, patience
):
    whole, out = tmp_path / "whole", tmp_path / "out"
    begin = time.monotonic()
    finished(start(arguments, whole), patience)
    seconds, draw = time.monotonic() - begin, random.Random(again)
    if again:
        finished(start(arguments, out), patience)
    for _ in range(6):
        program = start([*arguments, *["--again"] * again], out)
        time.sleep(draw.uniform(0.3, 1) * seconds)
        program.send_signal(signal.SIGKILL)
        program.communicate()
        if again:
            assert numbers(out) == numbers(whole), "a good result stays good"
    finished(start([*arguments, *["--again"] * again], out), patience)
    assert numbers(out) == numbers(whole)
    assert not list(out.glob(".*"))


def test_two_with_the_same_options_compute_once(arguments, start, tmp_path, patience):
    programs = [start(arguments, tmp_path / "out") for _ in range(2)]
    said = [finished(program, patience) for program in programs]
    assert sorted("has this run already" in out for out, _ in said) == [False, True]
    assert sorted("Waiting for another process that writes" in err for _, err in said) == [
        *(False, True)
    ]
    assert not list((tmp_path / "out").glob(".*"))


def test_two_with_other_options_do_not_mix(arguments, start, tmp_path, patience):
    others = [*arguments, "--samples", "3", "--head", "mean"]
    programs = [start(own, tmp_path / "out") for own in (arguments, others)]
    said = [finished(program, patience)[0] for program in programs]
    last = next(n for n, out in enumerate(said) if "in place of another run" in out)
    finished(start((arguments, others)[last], tmp_path / "alone"), patience)
    assert numbers(tmp_path / "out") == numbers(tmp_path / "alone")
    names = [{p.name for p in (tmp_path / n).iterdir()} for n in ("out", "alone")]
    assert names[0] == names[1]
