"""Claims are tested between processes: within one, they would prove nothing of a killed one."""

import subprocess
import sys
from pathlib import Path

import pytest

from vggjax import claims, files

HOLDS = """
import sys, time
from pathlib import Path
from vggjax.claims import claimed, temporary
with {}(Path(sys.argv[1])):
    print("holds", flush=True)
    time.sleep(100)
"""
MAKES_ONCE = """
import sys, time
from pathlib import Path
from vggjax.claims import claimed
path = Path(sys.argv[1])
with claimed(path):
    if not path.exists():
        time.sleep(0.3)
        path.write_text("made")
        print("made")
"""


@pytest.fixture
def holding():
    """Starts a process that holds a claim until it is killed."""
    started = []

    def start(how, path):
        command = [sys.executable, "-c", HOLDS.format(how), str(path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "holds\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("folder", [False, True])
def test_what_a_killed_process_left_goes_and_what_is_written_stays(tmp_path, holding, folder):
    how = "(lambda path: temporary(path, folder=True))" if folder else "temporary"
    process = holding(how, tmp_path / "a")
    claims.remove_leftovers(tmp_path)
    (left,) = tmp_path.iterdir()
    assert left.is_dir() == folder, "its owner is alive"
    process.kill()
    process.wait()
    claims.remove_leftovers(tmp_path, "other")
    assert left.exists(), "of another file"
    claims.remove_leftovers(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_next_writer_of_a_file_removes_what_was_left_of_it(tmp_path, holding):
    process = holding("temporary", tmp_path / "a")
    process.kill()
    process.wait()
    files.write_json(tmp_path / "a", 1)
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_a_thing_is_made_once_by_however_many(tmp_path):
    command = [sys.executable, "-c", MAKES_ONCE, str(tmp_path / "deep" / "a")]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [process.communicate(timeout=100) for process in processes]
    assert sorted(out for out, _ in said) == ["", "", "", "made\n"]
    assert any("Waiting for another process that writes" in err for _, err in said)
    assert list((tmp_path / "deep").iterdir()) == [tmp_path / "deep" / "a"]


def test_a_killed_holder_keeps_nobody_out(tmp_path, holding):
    process = holding("claimed", tmp_path / "a")
    (lock,) = tmp_path.iterdir()
    assert claims.is_claimed(lock)
    process.kill()
    process.wait()
    assert not claims.is_claimed(lock)
    with claims.claimed(tmp_path / "a"):
        pass
    assert not list(tmp_path.iterdir())


def test_without_locks_only_what_is_old_was_left(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "fcntl", None)
    with claims.claimed(tmp_path / "a"), claims.temporary(tmp_path / "b") as young:
        claims.remove_leftovers(tmp_path)
        assert young.exists()
    monkeypatch.setattr(claims, "_LEFT_AFTER", 0)
    left = Path(tmp_path / f".c.{32 * '0'}")
    left.touch()
    claims.remove_leftovers(tmp_path)
    assert not left.exists()


def test_other_hidden_files_stay(tmp_path):
    for name in (".a.txt", ".lock", ".cache", "a.lock", f"a.{32 * '0'}"):
        (tmp_path / name).touch()
    claims.remove_leftovers(tmp_path)
    assert len(list(tmp_path.iterdir())) == 5


def test_what_is_being_written_can_go_at_once(tmp_path):
    with claims.temporary(tmp_path / "a"), claims.claimed(tmp_path / "b"):
        assert len(list(tmp_path.iterdir())) == 2
        claims.remove_ours()
        assert not list(tmp_path.iterdir())
