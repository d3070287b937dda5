import errno
import json
import os
import re
import warnings
from pathlib import Path

import jax
import pytest

from vggjax import command, files
from vggjax.errors import DataError, VggjaxError


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "result.json"
    files.write_json(path, {"a": 1})
    assert json.loads(path.read_text()) == {"a": 1}
    with pytest.raises(RuntimeError), files.atomic_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert json.loads(path.read_text()) == {"a": 1}, "the old file stays"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "set"
    with pytest.raises(RuntimeError), files.atomic_folder(path) as temporary:
        (temporary / "half").touch()
        raise RuntimeError
    assert not list(path.parent.iterdir())
    with files.atomic_folder(path) as temporary:
        (temporary / "whole").touch()
    assert [p.name for p in path.iterdir()] == ["whole"]


def test_a_faster_process_wins(tmp_path):
    path = tmp_path / "set"
    with files.atomic_folder(path) as temporary:
        (temporary / "ours").touch()
        path.mkdir()
        (path / "theirs").touch()
    assert [p.name for p in path.iterdir()] == ["theirs"]
    assert list(tmp_path.iterdir()) == [path]


def test_written_files_have_ordinary_permissions(tmp_path):
    files.write_json(tmp_path / "a.json", 1)
    (tmp_path / "b.json").write_text("1")
    assert (tmp_path / "a.json").stat().st_mode == (tmp_path / "b.json").stat().st_mode


def test_the_cache_folder_follows_the_environment(monkeypatch):
    monkeypatch.setenv("VGGJAX_CACHE", "/somewhere")
    assert files.cache_folder() == Path("/somewhere")
    monkeypatch.setenv("HOME", "/at/home")
    monkeypatch.setenv("USERPROFILE", "/at/home")
    monkeypatch.setenv("VGGJAX_CACHE", "~/kept")
    assert files.cache_folder() == Path("/at/home/kept")
    monkeypatch.delenv("VGGJAX_CACHE")
    assert files.cache_folder().name == "vggjax"


@pytest.fixture
def homeless(monkeypatch, tmp_path):
    """A user of whom the system knows nothing, as containers have them; works in `tmp_path`."""
    pwd = pytest.importorskip("pwd")

    def unknown(_):
        raise KeyError("getpwuid(): uid not found")

    for name in ("HOME", "VGGJAX_CACHE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.chdir(tmp_path)


def test_without_a_home(homeless, monkeypatch):
    with pytest.raises(DataError, match="This user has no home: set VGGJAX_CACHE to a folder"):
        files.cache_folder()
    monkeypatch.setenv("VGGJAX_CACHE", "~/kept")
    with pytest.raises(DataError, match="~/kept has no home: set VGGJAX_CACHE"):
        files.cache_folder()
    monkeypatch.setenv("VGGJAX_CACHE", "/somewhere")
    assert files.cache_folder() == Path("/somewhere")


def test_matplotlib_has_a_folder_without_a_home(homeless, monkeypatch):
    monkeypatch.setenv("VGGJAX_CACHE", "/somewhere")
    monkeypatch.setenv("MPLCONFIGDIR", "")
    monkeypatch.delenv("MPLCONFIGDIR")
    compiled = jax.config.jax_compilation_cache_dir
    with warnings.catch_warnings():
        command.open_cache()
    jax.config.update("jax_compilation_cache_dir", compiled)
    assert os.environ["MPLCONFIGDIR"] == "/somewhere/matplotlib"


def test_a_path_in_a_home(homeless, tmp_path, monkeypatch):
    assert files.user_path("photos/~") == Path("photos/~")
    with pytest.raises(VggjaxError, match="~nobody-at-all/a is in a home that can't be found"):
        files.user_path("~nobody-at-all/a")
    (tmp_path / "~draft.jpg").touch()
    assert files.user_path("~draft.jpg") == Path("~draft.jpg"), "a file's own name"
    monkeypatch.setenv("HOME", "/at/home")
    assert files.user_path(Path("~/a")) == Path("/at/home/a")


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    cache = tmp_path / "file" / "cache"
    monkeypatch.setenv("VGGJAX_CACHE", str(cache))
    sentence = rf"The cache {re.escape(str(cache))} can't be written \(.*VGGJAX_CACHE"
    with pytest.raises(DataError, match=sentence), files.atomic_file(cache / "features" / "a"):
        pass
    with pytest.raises(DataError, match=sentence), files.atomic_folder(cache / "demo"):
        pass
    with pytest.raises(NotADirectoryError), files.atomic_file(tmp_path / "file" / "other"):
        pass  # which isn't the cache


def test_a_full_disk_is_the_cache_s_and_a_broken_network_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("VGGJAX_CACHE", str(tmp_path))
    with pytest.raises(DataError, match="No space"), files.atomic_file(tmp_path / "a"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(ConnectionError), files.atomic_file(tmp_path / "a"):
        raise ConnectionError(errno.ECONNRESET, "reset")
    assert not list(tmp_path.iterdir())
