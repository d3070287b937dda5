import time

import pytest

import vggjax.download
from vggjax.data import caltech256, load_caltech256, sources
from vggjax.data.sources import load_dataset
from vggjax.errors import DataError, VggjaxError


@pytest.fixture
def loaders(monkeypatch, tmp_path):
    """Every loader replaced by one that tells its name and what it was called with."""
    monkeypatch.setenv("VGGJAX_CACHE", str(tmp_path / "cache"))
    for name in ("caltech256", "folder", "tfds", "flat_folder", "demo"):
        loader = f"load_{name}"
        monkeypatch.setattr(sources, loader, lambda *given, loader=loader: (loader, *given))
    monkeypatch.setattr(vggjax.download, "url_reachable", lambda *_, **__: False)


def test_names_are_dispatched(loaders, tmp_path):
    assert sources.NAMED["caltech256"] is load_caltech256
    assert load_dataset("folder", tmp_path) == ("load_folder", tmp_path)
    assert load_dataset("flat", tmp_path) == ("load_flat_folder", tmp_path)
    assert load_dataset("demo") == ("load_demo",)
    assert load_dataset("tfds:beans") == ("load_tfds", "beans", None, None)
    assert load_dataset("tfds:a/b:1.0.0@test[:50%]", str(tmp_path)) == (
        "load_tfds",
        "a/b:1.0.0",
        tmp_path,
        "test[:50%]",
    )


def test_auto_is_caltech_if_reachable_and_else_the_demo(loaders, monkeypatch):
    assert load_dataset() == ("load_demo",)
    monkeypatch.setattr(vggjax.download, "url_reachable", lambda url: url == caltech256.URL)
    assert load_dataset("auto")[0] == "load_caltech256"


def test_auto_is_caltech_if_here(loaders, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "find_caltech256", lambda: tmp_path)
    assert load_dataset("auto")[0] == "load_caltech256"


def test_auto_looks_into_the_folder(loaders, tmp_path):
    assert load_dataset("auto", tmp_path) == ("load_folder", tmp_path)
    (tmp_path / "257.clutter").mkdir()
    assert load_dataset("auto", tmp_path) == ("load_caltech256", tmp_path)
    (tmp_path / "dataset_info.json").write_text("{}")
    assert load_dataset("auto", tmp_path) == ("load_tfds", str(tmp_path))


def test_mistakes_are_named(loaders, tmp_path):
    with pytest.raises(DataError, match="'caltech'; choose one of auto, caltech256, demo, folder"):
        load_dataset("caltech")
    with pytest.raises(DataError, match="needs a folder"):
        load_dataset("folder")
    with pytest.raises(DataError, match="demo set is rendered"):
        load_dataset("demo", tmp_path)


def test_a_named_set_never_falls_back(tmp_path, monkeypatch):
    monkeypatch.setenv("VGGJAX_CACHE", str(tmp_path))
    monkeypatch.setattr(vggjax.download, "url_reachable", lambda *_, **__: False)
    started = time.monotonic()
    with pytest.raises(VggjaxError, match=r"256_ObjectCategories\.tar cannot be reached"):
        load_dataset("caltech256")
    assert time.monotonic() - started < 5
