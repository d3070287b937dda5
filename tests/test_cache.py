import os
import time

import pytest

from vggjax import cache
from vggjax.errors import DataError


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
    lines = cache.listed(folder).splitlines()
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
