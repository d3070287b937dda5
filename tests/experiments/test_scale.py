"""The benchmarks of scale on a few images: that they run and what they count; not the times."""

import io
import os
from pathlib import Path

import pytest
from benchmarks import processes, scale
from PIL import Image

from vggjax.data import load_folder


@pytest.fixture(autouse=True)
def _as_the_script_runs(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(scale.__file__).parents[2]), prepend=os.pathsep)


def test_images_are_as_many_as_asked_for_and_all_different(tmp_path):
    scale.write_images(tmp_path / "images", 210)
    dataset = load_folder(tmp_path / "images")
    assert dataset.counts() == {"000.class": 53, "001.class": 53, "002.class": 52, "003.class": 52}
    contents = {dataset.read(name) for name in dataset.ids}
    assert len(contents) == 210
    assert {len(content) for content in contents} == {len(scale.image(0))}
    assert Image.open(io.BytesIO(scale.image(7))).size == (1, 1)


def test_all_steps_are_measured(tmp_path):
    found = scale.scale([110], tmp_path)
    assert not list(tmp_path.iterdir()), "nothing stays"
    assert [each.title for each in found][:3] == [
        *("scan the folder", "look whether all can be read", "find copies"),
    ]
    for comparison in found:
        (row,) = comparison.rows
        assert row.arm == "110 images"
        assert row.median >= 0
        assert 50 < row.peak_megabytes < 5_000
    assert "read these" in scale.table(found)
    assert "110" in scale.table(found)


def test_an_image_s_share_is_told():
    few = scale.Row("1,000 images", (0.5,), None, 200.0)
    many = scale.Row("11,000 images", (2.0,), None, 203.0)
    rows = few, many
    line = scale.table([scale.Comparison("scale x", "x", rows)]).splitlines()[-1]
    assert line.split() == ["x", "0.50,", "200", "2.00,", "203", "300"]


@pytest.mark.slow
def test_processes_share_images(monkeypatch, capsys):
    monkeypatch.setattr(processes, "LAYER", "block1_pool")
    monkeypatch.setattr(processes, "ARMS", {"one": ([[0]], False), "two": ([[0], [0]], True)})
    processes.main(["--images", "16", "--rounds", "1"])
    *_, one, two = capsys.readouterr().out.splitlines()
    assert one.split()[0] == "one"
    assert two.split()[0] == "two"
