import os
import shutil
import time

import pytest

from vggjax import cache
from vggjax.claims import Claim
from vggjax.demo import demo_folder
from vggjax.errors import DataError
from vggjax.features import extract


@pytest.fixture
def folder(tmp_path):
    for name, size in (("features/fc2/a.npy", 3000), ("features/fc1/b.npy", 500), ("demo/c", 10)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    return tmp_path


def test_parts_and_what_is_in_them(folder):
    old = time.time() - 3.5 * cache.DAY
    os.utime(folder / "features/fc2/a.npy", (old, old))
    found = {entry.name: entry for entry in cache.entries(folder)}
    assert list(found) == ["demo", "features", "features/fc1", "features/fc2"]
    assert (found["features"].size, found["features"].files) == (3500, 2)
    assert found["features/fc2"].used == pytest.approx(old)
    assert found["features"].used > old + cache.DAY, "the latest of its files"
    lines = cache.overview(folder).splitlines()
    assert "3 days ago" in lines[-1]
    assert "today" in lines[-2]


def test_clearing(folder):
    assert cache.clear(folder, ["features/fc1"]) == 500
    with pytest.raises(DataError, match=r"no nothing in the cache .*; there is demo, features"):
        cache.clear(folder, ["demo", "nothing"])
    assert sorted(path.name for path in folder.iterdir()) == ["demo", "features"]
    assert cache.clear(folder, ["all"]) == 3010
    assert list(folder.iterdir()) == []
    assert cache.entries(folder / "nowhere") == []


@pytest.mark.parametrize("name", ["../other", "/etc", "features/..", ".", ""])
def test_nothing_outside_is_cleared(folder, name):
    with pytest.raises(DataError):
        cache.clear(folder / "features", [name])
    assert len(list(folder.rglob("*"))) == 7


def test_as_a_command(folder, monkeypatch, capsys):
    monkeypatch.setenv("VGGJAX_CACHE", str(folder))
    cache.main([])
    assert "features" in capsys.readouterr().out
    cache.main(["clear", "features"])
    assert capsys.readouterr().out.startswith("0.0 MB removed")
    assert [path.name for path in folder.iterdir()] == ["demo"]


@pytest.fixture
def used(monkeypatch, tmp_path, backbone, images, small_weights):
    """A cache with features and weights."""
    monkeypatch.setenv("VGGJAX_CACHE", str(tmp_path))
    extract(backbone, images)
    shutil.copytree(small_weights, tmp_path / "weights" / "small")
    return tmp_path


def test_all_that_is_whole_is_said_to_be(used, capsys):
    cache.main(["verify"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2] for line in lines[:-1]] == ["whole", "whole"]
    assert lines[-1] == "2 of 2 parts are whole"


def test_damage_is_found_and_features_are_taken_out(used, capsys, backbone, images):
    (rows,) = used.glob("features/*/*.rows")
    content = bytearray(rows.read_bytes())
    content[-3] ^= 8
    rows.write_bytes(content)
    (data,) = used.glob("weights/small/params/d/*")
    data.write_bytes(data.read_bytes()[:-100])
    with pytest.raises(DataError, match="2 of 2 parts are damaged"):
        cache.main(["verify"])
    found = capsys.readouterr().out
    assert "1 of 70 rows and 0 files were damaged" in found
    assert "weights/small: " in found
    assert "is damaged" in found
    images.decoded = 0
    extract(backbone, images)
    assert images.decoded == 32, "one batch for the one row"
    found = cache.verify(used)
    assert sorted(text == cache.WHOLE for text in found.values()) == [False, True]


def test_a_damaged_file_of_features_goes(used):
    (rows,) = used.glob("features/*/*.rows")
    rows.write_bytes(b"x" + rows.read_bytes()[1:])
    assert "0 of 0 rows and 1 files" in next(iter(cache.verify(used).values()))
    assert not rows.exists()


def test_what_killed_programs_left_goes(used):
    left = used / "features" / f".a.{32 * 'f'}"
    left.mkdir()
    cache.verify(used)
    assert not left.exists()


def test_what_a_program_is_writing_is_not_cleared(used, backbone):
    (rows,) = used.glob("features/*/*.rows")
    claim = Claim.on(rows)
    with pytest.raises(DataError, match="A running program is writing"):
        cache.clear(used, ["all"])
    assert (used / "weights").exists(), "nothing is"
    claim.release()
    cache.clear(used, ["all"])
    assert not list(used.iterdir())


def test_rendered_images_are_compared_with_their_list(monkeypatch, tmp_path):
    monkeypatch.setenv("VGGJAX_CACHE", str(tmp_path))
    folder = demo_folder(per_class=1)
    assert list(cache.verify(tmp_path).values()) == [cache.WHOLE]
    image = next(folder.rglob("*.jpg"))
    image.write_bytes(image.read_bytes()[:-9])
    assert list(cache.verify(tmp_path).values()) == [f"{image} is damaged"]
