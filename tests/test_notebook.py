"""The notebook's cells run, one after the other; what it shows was made by nbclient."""

import json
from pathlib import Path

import pytest

import vggjax
from vggjax.demo import demo_folder

NOTEBOOK = Path(__file__).parents[1] / "docs" / "own_photos.ipynb"


@pytest.fixture(scope="module")
def cells():
    return json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]


@pytest.mark.slow
def test_the_cells_run(cells, monkeypatch):
    whole = vggjax.train
    monkeypatch.setenv("PHOTOS", str(demo_folder("target", per_class=4)))
    monkeypatch.setattr(vggjax, "train", lambda photos: whole(photos, "demo"))
    names: dict = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert 0 < names["result"].tested.accuracy <= 1


def test_every_cell_was_run_and_shows_no_photo(cells):
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    source = "".join(line for cell in code for line in cell["source"])
    assert "errors" not in source.replace("worst_errors", "")
    assert 'figure("suspects' not in source
