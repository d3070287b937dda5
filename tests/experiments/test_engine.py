"""Options, help texts, run folders and clean ends: what the engine does for all experiments."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import caltech
import layers
import numpy as np
import pytest
import temperature
import urban_tribes
import visualize
from engine import command_line
from engine.experiment import default_folder, prepare, shortened
from engine.head_options import HeadOptions
from engine.job import is_reference_data
from engine.options import option
from engine.run_folder import KEYS, Result, RunFolder
from engine.sources import DEMO_WEIGHTS, imagenet_or_demo
from experiment_helpers import run
from feature_maps import MAPS

from vggjax.checked_json import write_checked_json
from vggjax.data import Dataset
from vggjax.errors import DataError
from vggjax.progress import Lines
from vggjax.report.reference import URBAN_TRIBES

SCRIPT = Path(caltech.__file__)
ALL = (
    *(caltech.CALTECH, urban_tribes.TRIBES, layers.LAYERS, layers.POOLED, MAPS),
    *(temperature.TEMPERATURE, visualize.VISUALIZE),
)


@dataclass(frozen=True, kw_only=True)
class Options(HeadOptions):
    """One option of each type."""

    group: ClassVar[str] = "own"
    rank: ClassVar[int] = 1

    number: int = option(3, "a number", least=1)
    share: float | None = option(None, "a share, or nothing (default: none)")
    path: Path | None = option(None, "a file (default: none)")
    several: tuple[float, ...] = option((1.0, 0.5), "some numbers")
    yes: bool = option(True, "on until it is switched off")


def test_options_are_typed_and_defaults_hold():
    assert command_line.parse(Options, "", []) == Options()
    words = ["--number", "5", "--several", "2", "4", "--no-yes", "--path", "a b", "--share", ".5"]
    options = command_line.parse(Options, "", words)
    assert (options.number, options.several, options.yes) == (5, (2.0, 4.0), False)
    assert (options.path, options.share) == (Path("a b"), 0.5)
    line = command_line.command(options, "own")
    assert line.startswith("python experiments/own.py ")
    assert "--several 2 4" in line
    assert "--no-yes" in line
    assert "'a b'" in line
    json.dumps(command_line.settings(options))


def test_a_number_below_the_least_is_refused():
    with pytest.raises(DataError, match="--number must be at least 1, not 0"):
        Options(number=0)


def test_an_option_s_file_is_known_by_its_content(tmp_path):
    path, same = tmp_path / "a", tmp_path / "b"
    path.write_text("one")
    same.write_text("one")
    identities = [command_line.identity(Options(path=p))["path"] for p in (path, same)]
    path.write_text("two")
    assert identities[0] == identities[1] != command_line.identity(Options(path=path))["path"]


@pytest.mark.parametrize("one", ALL, ids=lambda one: f"{one.name} {one.rows}")
def test_help_fits_a_terminal_and_says_every_default(one, capsys):
    with pytest.raises(SystemExit):
        command_line.parse(one.options, one.description, ["--help"])
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    headings = [line for line in text.splitlines() if line.endswith(":") and line[0] != " "]
    assert headings[-1].startswith("several processes")
    entries = re.split(r"\n  (?=--)", text[text.index("\noptions:") :])[1:]
    processes = ("--coordinator", "--processes", "--process", "--data-dir")
    for entry in entries:
        own = " ".join(entry.split("\n\n")[0].split())
        assert "default" in own or own.startswith(processes), own


@pytest.mark.parametrize(
    ("name", "classes", "demo", "reference"),
    [
        ("caltech256", [f"{n:03}" for n in range(256)], False, True),
        ("caltech256", ["a", "b"], False, False),  # a part of it
        ("groups", URBAN_TRIBES, False, True),
        ("groups", URBAN_TRIBES[:-1], False, False),
        ("demo", ["a", "b"], True, True),
    ],
)
def test_size_and_start_follow_the_data(name, classes, demo, reference):
    """The reference's recipe on the reference's data, what serves best on anyone's own."""
    ids = tuple(map(str, range(len(classes))))
    data = Dataset(name, tuple(classes), ids, np.arange(len(ids), dtype=np.int32), str.encode, demo)
    assert is_reference_data(data) == reference
    options = HeadOptions().resolved(reference)
    assert (options.resize, options.start) == (("crop", "zero"), ("nearest", "glorot"))[reference]
    said = HeadOptions(resize="box", start="zero").resolved(reference)
    assert (said.resize, said.start) == ("box", "zero")


def test_without_images_nothing_is_the_reference_s():
    assert not is_reference_data(None)


def test_runs_are_told_apart_by_their_default_folders():
    folders = [
        default_folder("layers", data, which, variant)
        for data in ("demo", "photos")
        for which in (["fc1"], ["fc1", "fc2"])
        for variant in ("", "pooled")
    ]
    assert len(set(folders)) == 8
    odd = default_folder("caltech", "tfds:cifar10/a:1.0.0", ["fc2"], "")
    assert odd == Path("runs/caltech/a_1.0.0-fc2")


def test_the_same_weights_have_one_default_folder():
    places = [
        prepare(visualize.VISUALIZE, visualize.VisualizeOptions(weights=name)).out
        for name in ("imagenet", "imagenet-notop", "imagenet-torch")
    ]
    assert places[0] == places[1] == Path("runs/visualize/imagenet-block5_conv3")
    assert places[2] == Path("runs/visualize/imagenet-torch-block5_conv3")


@pytest.mark.usefixtures("offline")
def test_the_demo_stands_in_for_convolutions_that_are_not_here(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VGGJAX_CACHE", str(tmp_path))
    assert imagenet_or_demo(None) == "demo"
    assert imagenet_or_demo("imagenet") == "imagenet"
    assert capsys.readouterr().out == DEMO_WEIGHTS + "\n"
    for part in ("params", "info"):
        (tmp_path / "weights" / "imagenet-notop" / part).mkdir(parents=True)
    assert imagenet_or_demo(None) == "imagenet"
    assert capsys.readouterr().out == ""


def test_names_in_a_result_lead_nowhere_else(tmp_path):
    """A result that lists files outside of its folder is no result, and removes nothing."""
    outside = tmp_path / "precious"
    outside.write_text("kept")
    out = tmp_path / "out"
    out.mkdir()
    for name in ("../precious", str(outside), "..", "", ".new", 3):
        content = {**dict.fromkeys(KEYS), "origin": {}, "records": [], "checksums": {}}
        write_checked_json(out / "result.json", content | {"files": ["result.json"]})
        assert Result.read(out)
        write_checked_json(out / "result.json", content | {"files": [name]})
        assert Result.read(out) is None
        with RunFolder(out).staged() as staged:
            RunFolder(out).replace(staged, content)
        assert outside.read_text() == "kept"


@pytest.mark.parametrize("content", ["", "[]", "{", '{"records": 3}', "[" * 100_000])
def test_a_damaged_result_is_none(content, tmp_path):
    (tmp_path / "result.json").write_text(content)
    assert Result.read(tmp_path) is None


def test_progress_is_lines_where_there_is_no_terminal(capsys, monkeypatch):
    seconds = iter([0.0, 4.0, 11.0, 12.0, 30.0])
    monkeypatch.setattr("vggjax.progress.time.monotonic", lambda: next(seconds))
    lines = Lines("features", 8, "image")
    for _ in range(4):
        lines.update(2)
    assert capsys.readouterr().err.splitlines() == [
        "features: 4 of 8 images after 11 s, about 11 s left",
        "features: 8 of 8 images after 30 s, about 0 s left",
    ]


def test_a_long_name_leaves_room():
    assert shortened("abcdef", 6) == "abcdef"
    assert shortened("abcdef", 4) == "abc…"


def test_an_unwritable_place_is_named(given, tmp_path, fails):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert str(blocked) in fails(lambda: run_into(given, blocked))


def run_into(given, out):
    return run(caltech.CALTECH, given, out)


@pytest.mark.parametrize(
    ("arguments", "status", "start"),
    [(["--data-dir", "nowhere"], 2, "error: "), (["--help"], 0, "")],
)
def test_the_script_itself(arguments, status, start, tmp_path):
    """Its exit status, also where there is no home to keep anything in."""
    environment = {k: v for k, v in os.environ.items() if k not in ("HOME", "VGGJAX_CACHE")}
    environment |= {"XDG_CACHE_HOME": "/proc/nowhere", "MPLCONFIGDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert done.returncode == status
    assert done.stderr.startswith(start)
    assert "Traceback" not in done.stderr
