"""A small data set and small weights, so that whole experiments run in seconds."""

import os
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from benchmarks.inputs import QUICK
from engine.script import run_script
from PIL import Image


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Three classes of ten 40-pixel images of noise in three colours."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for label, name in enumerate(("ants", "bees", "cats")):
        (folder / name).mkdir()
        for number in range(10):
            pixels = rng.integers(0, 120, (40, 40, 3), dtype=np.uint8)
            pixels[..., label] += 100
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture
def given(photos, small_weights):
    """Options of a head experiment that takes a second or two."""
    return [
        *("--data-dir", str(photos), "--weights", str(small_weights), "--samples", "4"),
        *("--val", "3", "--test", "3", "--epochs", "3"),
    ]


@pytest.fixture
def fails(capsys, monkeypatch):
    """Runs a script as its user does; gives the one line that it prints on stderr."""
    monkeypatch.setattr("vggjax.progress.SECONDS_BETWEEN_LINES", 3600)  # on a slow machine

    def message_of(script, out=None):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            run_script(script)
        assert stop.value.code == 2
        message = capsys.readouterr().err
        assert message.startswith("error: ")
        assert message.count("\n") == 1
        if out is not None:
            assert not (out / "result.json").exists()
            assert not list(out.rglob(".*")), "nothing half-written stays"
        return message

    return message_of


@pytest.fixture
def offline(monkeypatch):
    """No network."""
    monkeypatch.setattr("vggjax.download.url_reachable", lambda *_, **__: False)


@pytest.fixture
def as_the_script_runs(monkeypatch):
    """New processes find the library; Keras relies on rank promotion."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]), prepend=os.pathsep)
    with jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(scope="session")
def tiny(small_config):
    """The benchmark's least work."""
    work = replace(QUICK, visualized_side=32, counts=(10, 30))
    return replace(work, network=small_config, narrow=small_config)
