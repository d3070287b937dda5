"""A run's folder: a good result is never lost, and nothing but what a run wrote is used."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import report
from caltech import CALTECH
from engine.run_folder import KEYS, Result, RunFolder
from experiment_helpers import run

from vggjax.checked_json import write_checked_json
from vggjax.claims import claimed

ORIGIN = {"weights": "w", "number": 1}
CONTENT = {**dict.fromkeys(KEYS), "origin": ORIGIN, "records": []}
OLD = {"both.txt": "old", "old.png": "old", "classifier-a/params/x": "old"}
THEN = {"both.txt": "new", "new.csv": "new", "classifier-a/params/y": "new", "pictures/a": "new"}


def fill(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def put(out, files, number):
    """A run's files in `out`, as the engine does it."""
    folder = RunFolder(out)
    with folder.claimed(), folder.staged() as staged:
        fill(staged, files)
        return folder.replace(staged, CONTENT | {"origin": ORIGIN | {"number": number}})


def files_of(out):
    return {p.relative_to(out).as_posix(): p.read_text() for p in out.rglob("*") if p.is_file()}


def test_a_run_replaces_another_wholly_and_nothing_else(tmp_path):
    put(tmp_path, OLD, 1)
    fill(tmp_path, {"mine.txt": "kept", ".training-4-seed0/training.npz": "of a killed run"})
    put(tmp_path, THEN, 2)
    found = files_of(tmp_path)
    del found["result.json"]
    assert found == {**THEN, "mine.txt": "kept"}


KILLED = """
import json, os, signal, sys
from pathlib import Path
sys.path[:0] = json.loads(sys.argv[2])
import shutil
import test_run_folder as tests
from engine.run_folder import Result, RunFolder

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "open"}
left = None

def hook(event, arguments):
    global left
    if left is not None and event in CHANGES:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
base, seen = Path(sys.argv[1]), []
tests.put(base / "old", tests.OLD, 1)
(base / "old" / "mine.txt").write_text("kept")
tests.put(base / "new", tests.THEN, 2)
for moment in range(1, 1000):
    out = Path(shutil.copytree(base / "old", base / "out"))
    child = os.fork()
    if child == 0:
        left = moment
        tests.put(out, tests.THEN, 2)
        os._exit(0)
    killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
    result = Result.read(out)
    number = result["origin"]["number"]
    assert RunFolder(out).changed(result) == [], moment
    with RunFolder(out).claimed():
        assert Result.load(out) == result
    whole = base / ("new" if number == 2 else "old")
    assert tests.files_of(out) == {**tests.files_of(whole), "mine.txt": "kept"}, moment
    assert not list(out.glob(".*")), (moment, list(out.iterdir()))
    seen.append(number)
    shutil.rmtree(out)
    if not killed:
        break
print(json.dumps(seen))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_killed_at_any_file_operation_one_of_the_runs_is_whole(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", KILLED, str(tmp_path), json.dumps(sys.path)]
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=here)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen == sorted(seen), "from some moment on it is the new one"
    assert min(seen.count(1), seen.count(2)) > 5


def test_what_failed_leaves_neither_folders_nor_hidden_files(tmp_path):
    folder = RunFolder(tmp_path / "deep" / "out")
    with pytest.raises(KeyboardInterrupt), folder.claimed(), folder.staged() as staged:
        fill(staged, OLD)
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_a_killed_run_s_hidden_files_go_with_the_next(tmp_path):
    left = [f".new.{32 * '0'}", f".split.json.{32 * '1'}", ".result.json.lock"]
    (tmp_path / left[0]).mkdir()
    fill(tmp_path, {f"{left[0]}/accuracy.png": "", left[1]: "", left[2]: "", ".mine": ""})
    with RunFolder(tmp_path).claimed():
        assert {p.name for p in tmp_path.iterdir()} == {".mine", ".result.json.lock"}
    assert [p.name for p in tmp_path.iterdir()] == [".mine"]


def test_errors_of_writing_name_what_the_user_knows(tmp_path):
    folder = RunFolder(tmp_path)
    for error, name in (
        (lambda staged: (staged / "none" / "a.csv").open("w"), "none/a.csv"),
        (lambda staged: os.write(os.open("/dev/full", os.O_WRONLY), b"1"), ""),
    ):
        with pytest.raises(OSError, match=r"\w") as raised, folder.staged() as staged:
            error(staged)
        assert raised.value.filename == str(tmp_path / name)


@pytest.mark.parametrize("change", ["missing", "another"])
def test_a_run_without_one_of_its_files_is_not_stored(change, tmp_path):
    result = put(tmp_path, OLD, 1)
    folder = RunFolder(tmp_path)
    assert folder.stored(ORIGIN) == result
    if change == "missing":
        (tmp_path / "old.png").unlink()
    else:
        (tmp_path / "classifier-a" / "params" / "x").write_text("other")
    name = "old.png" if change == "missing" else "classifier-a"
    assert folder.changed(result) == [name]
    assert folder.stored(ORIGIN) is None
    assert folder.replaced(ORIGIN) == f"the same run, without {name} as it was"


@pytest.fixture(scope="module")
def finished(photos, small_weights, tmp_path_factory):
    """The folder of a report with one experiment, to be copied, and that one's arguments."""
    out = tmp_path_factory.mktemp("report")
    arguments = [
        *("--data-dir", photos, "--weights", small_weights, "--samples", "2", "--val", "2"),
        *("--test", "2", "--no-classifiers"),
    ]
    run(CALTECH, arguments, out / "caltech")
    return out, arguments


def edits(text, rng):
    """Two hundred other texts: bits, cuts, and values in the JSON, all drawn from `rng`."""
    for _ in range(100):
        data = bytearray(text.encode())
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        yield bytes(data)
    for cut in rng.integers(0, len(text), 10):
        yield text[:cut].encode()
    values = [None, 0, -1, 1e308, True, "", "x", [], {}, [[]], {"a": 1}, "../x", 10**30]
    for _ in range(100):
        content = json.loads(text)
        place = content
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = keys[rng.integers(len(keys))]
            if not isinstance(place[key], dict | list) or not place[key] or rng.random() < 0.2:
                break
            place = place[key]
        if rng.random() < 0.2:
            del place[key]
        else:
            place[key] = values[rng.integers(len(values))]
        yield json.dumps(content).encode()
    yield from (b"[" * 100_000, b'{"a":' * 100_000, b"NaN", b"\xff\xfe")


def test_no_edit_of_a_result_is_used_or_takes_the_page(finished, tmp_path):
    out = Path(shutil.copytree(finished[0], tmp_path / "out"))
    path = out / "caltech" / "result.json"
    text = path.read_text()
    result, folder, refused = Result.read(path.parent), RunFolder(path.parent), 0
    assert folder.stored(result["origin"]) == result
    for data in edits(text, np.random.default_rng(0)):
        path.write_bytes(data)
        stored = folder.stored(result["origin"])
        assert stored in (None, result)
        shown = report.page(out).sections[0]
        assert bool(shown.error) == (stored is None)
        refused += stored is None
        if stored is None:
            assert folder.replaced(result["origin"]).startswith("a result that could not be used")
    assert refused > 180


def test_what_another_version_wrote_takes_only_its_section(finished, tmp_path):
    out = Path(shutil.copytree(finished[0], tmp_path / "out"))
    shutil.copytree(out / "caltech", out / "block5_pool")
    content = json.loads((out / "caltech" / "result.json").read_text())
    write_checked_json(out / "caltech" / "result.json", content | {"records": []})
    errors = {section.rows: section.error for section in report.page(out).sections}
    assert [rows for rows, error in errors.items() if error] == ["C1, C2, C3"]
    assert "can't be shown" in errors["C1, C2, C3"]
    assert len(errors) == 3


def test_a_damaged_result_runs_again_and_says_so(finished, tmp_path, capsys):
    out = Path(shutil.copytree(finished[0], tmp_path / "out")) / "caltech"
    text = (out / "result.json").read_text()
    (out / "result.json").write_text(text.replace('"mark": ""', '"mark": "better"'))
    capsys.readouterr()
    found = run(CALTECH, finished[1], out)
    said = " ".join(capsys.readouterr().out.split())
    assert "in place of a result that could not be used (its checksum differs" in said
    assert found["mark"] == ""
    run(CALTECH, finished[1], out)
    assert "has this run already" in capsys.readouterr().out


def test_a_split_that_trains_on_its_test_images_is_refused(finished, tmp_path, fails):
    out = Path(shutil.copytree(finished[0], tmp_path / "out")) / "caltech"
    content = json.loads((out / "split.json").read_text())
    own = next(iter(content["splits"][0]["classes"].values()))
    own["test"] = own["train"]
    (out / "split.json").write_text(json.dumps(content))
    assert "checksum differs" in fails(lambda: run(CALTECH, finished[1], out))
    write_checked_json(out / "split.json", content)
    assert "is in two parts" in fails(lambda: run(CALTECH, finished[1], out))


def test_the_second_of_two_waits_and_finds_the_run(finished, tmp_path, capsys, monkeypatch):
    out = tmp_path / "caltech"
    entered = threading.Event()

    def first():
        with claimed(out / "result.json"):
            entered.set()
            while "Waiting" not in said:
                said.append(capsys.readouterr().err[:7])
            shutil.copytree(finished[0] / "caltech", out, dirs_exist_ok=True)

    said = [""]
    other = threading.Thread(target=first)
    other.start()
    entered.wait()
    monkeypatch.setattr("engine.experiment.write_files", None)  # nothing is written
    run(CALTECH, finished[1], out)
    other.join()
    assert "has this run already" in capsys.readouterr().out
