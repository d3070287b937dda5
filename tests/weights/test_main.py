import json
import os
from pathlib import Path

import pytest

from vggjax.checked_json import with_checksum
from vggjax.weights.__main__ import main


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_convert_describe_verify(tmp_path, keras_files, capsys):
    out = tmp_path / "out"
    status, text, _ = run(capsys, "convert", keras_files["named.h5"], "--out", out)
    assert status == 0
    for part in ("caffe", "64 x 64 pixels", "fc1", "32 x 16", "sha256", f"written to {out}"):
        assert part in text
    assert run(capsys, "describe", out)[0] == 0
    status, text, _ = run(capsys, "verify", out)
    assert status == 0
    assert text.endswith("as it should be.\n")


def test_options(tmp_path, torch_files, capsys):
    arguments = ("convert", torch_files["legacy"], "--out", tmp_path / "out", "--name", "mine")
    assert run(capsys, *arguments, "--preprocessing", "caffe")[0] == 0
    text = run(capsys, "describe", tmp_path / "out")[1]
    assert "mine" in text
    assert "preprocessing: caffe" in text
    status, text, error = run(capsys, *arguments)
    assert (status, text) == (2, "")
    assert "exists already" in error
    assert run(capsys, *arguments, "--overwrite")[0] == 0
    assert "preprocessing: torch" in run(capsys, "describe", tmp_path / "out")[1]


def test_files_are_described_too(torch_files, capsys):
    for command in ("describe", "verify"):
        status, text, _ = run(capsys, command, torch_files["safetensors"])
        assert status == 0
        assert "preprocessing: torch" in text


def test_what_a_file_says_is_shown_and_cut(tmp_path, torch_files, capsys):
    out = tmp_path / "out"
    run(capsys, "convert", torch_files["zip"], "--out", out)
    description = out / "info" / "metadata"
    content = json.loads(description.read_text())
    content |= {"name": "\x1b[31mred\n", "notes": {"by\n": "\x1b]0;" + "x" * 10**6}}
    description.write_text(json.dumps(with_checksum(content)))
    status, text, _ = run(capsys, "describe", out)
    assert status == 0
    assert r"\x1b[31mred\n" in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) < 600


@pytest.mark.parametrize("command", ["describe", "verify", "convert"])
def test_mistakes_are_one_sentence(tmp_path, capsys, command):
    (tmp_path / "empty.h5").touch()
    out = ("--out", tmp_path / "out") if command == "convert" else ()
    for path in (tmp_path / "none", tmp_path / "empty.h5", tmp_path, "/", "."):
        status, text, error = run(capsys, command, path, *out)
        assert (status, text) == (2, "")
        assert error.startswith("error: ")
        assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.fixture
def odd_paths(tmp_path):
    """Paths that the system refuses to look at, each for a reason of its own."""
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "closed").mkdir(mode=0)
    names = ("file/below", "loop", "loop/below", "n" * 300, "a\0b", "closed/below")
    yield [tmp_path / name for name in names] + [Path("~nobody-at-all/a")]
    (tmp_path / "closed").chmod(0o700)


@pytest.mark.parametrize("command", ["describe", "verify", "convert", "out"])
def test_paths_that_cannot_be(keras_files, odd_paths, tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    for path in odd_paths:
        words = [command, path]
        if command == "convert":
            words += ["--out", tmp_path / "out"]
        elif command == "out":
            words = ["convert", keras_files["named.h5"], "--out", path]
        status, text, error = run(capsys, *words)
        if command == "out" and (os.geteuid() == 0 or "~" in str(path)) and status == 0:
            continue  # for that user, or under that literal name, it can be
        assert (status, text) == (2, ""), path
        assert error.startswith("error: ")
        assert error.count("\n") == 1


def test_the_folder_that_one_is_in_is_gone(keras_files, tmp_path, monkeypatch, capsys):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    status, _, error = run(capsys, "convert", keras_files["named.h5"], "--out", "here")
    assert (status, error) == (2, "error: The current folder: No such file or directory.\n")
