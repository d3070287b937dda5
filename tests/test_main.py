"""`vggjax COMMAND`: every script and module by one name."""

import subprocess
import sys

import pytest

import vggjax
from vggjax import __main__ as commands
from vggjax.command import finish


def test_every_script_is_a_command():
    scripts = {
        file.stem
        for file in commands.experiments_folder().glob("*.py")
        if "__main__" in file.read_text(encoding="utf-8")
    }
    # The demo weights are made in a checkout alone.
    assert scripts - {"pretrain_demo"} == {*commands.EXPERIMENTS, "predict"}


@pytest.mark.parametrize("name", commands.MODULES)
def test_every_module_has_its_own_help(name):
    command = [sys.executable, "-m", "vggjax", name, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"usage: python -m vggjax.{name}")


def test_an_experiment_is_that_of_the_script(capsys, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", ["vggjax"])
    with pytest.raises(SystemExit) as ended:
        commands.main(["caltech", "--help"])
    assert ended.value.code == 0
    assert "--samples" in capsys.readouterr().out


def test_what_there_is(capsys):
    assert finish(commands.main, ["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in (*commands.EXPERIMENTS, *commands.MODULES))
    assert max(map(len, shown.splitlines())) <= 80
    assert finish(commands.main, ["caltec"]) == 2
    assert "no command 'caltec'" in capsys.readouterr().err
    assert vggjax.__version__
