import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import report
from report_plan import PLAN

from vggjax.errors import VggjaxError

SMALL = {
    "caltech": ("--samples", "2", "4", "--val", "3", "--test", "3", "--epochs", "2"),
    "feature_maps": ("--random", "2"),
}


@pytest.fixture(scope="module")
def finished(photos, small_weights, tmp_path_factory):
    """The folder of a report of two small experiments, to be copied."""
    out = tmp_path_factory.mktemp("report") / "out"
    with pytest.MonkeyPatch.context() as monkeypatch:
        shrink(monkeypatch)
        report.main(arguments(photos, small_weights, out))
    return out


@pytest.fixture
def out(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "out"))


@pytest.fixture
def started(monkeypatch):
    """Which experiments are started."""
    shrink(monkeypatch)
    names = []
    real = report.run_one
    monkeypatch.setattr(report, "run_one", lambda p, o: (names.append(p.name), real(p, o))[1])
    return names


def shrink(monkeypatch, **others):
    """Let the experiments take seconds; `others` are further arguments by name."""
    small = SMALL | others
    plan = tuple(replace(planned, arguments=small.get(planned.name, ())) for planned in PLAN)
    monkeypatch.setattr(report, "PLAN", plan)


def sections(text):
    return text.split("\n## ")[1:]


def arguments(photos, weights, out):
    where = ["--data-dir", str(photos), "--weights", str(weights), "--out", str(out)]
    return ["--only", *SMALL, *where]


def test_tables_figures_and_commands_stand_on_the_page(out):
    text = (out / "report.md").read_text()
    for piece in (
        "| 2 | 0.",
        "| 0.4518 |",
        "![C3: test accuracy against images per class (Figure 3)](caltech/accuracy.png)",
        "(feature_maps/maps.png)",
        "python experiments/caltech.py --samples 2 4",
        "Data: photos0. Weights: small.",
        "photos0 (3 classes), small weights; took ",
        "## C5: heads straight on the layers of block 5",
    ):
        assert piece in text, piece
    assert text.count("Not run yet.") == len(PLAN) - len(SMALL)
    assert "DEMO" not in text
    page = (out / "report.html").read_text()
    assert '<img src="caltech/accuracy.png"' in page
    assert '<a href="caltech/result.json">' in page
    assert str(out) not in page.replace(f"--out {out}", "")


def test_what_is_there_is_not_run_again(finished, photos, small_weights, started, capsys):
    report.main(arguments(photos, small_weights, finished))
    assert started == []
    assert "has it already" in capsys.readouterr().out


@pytest.mark.parametrize("change", ["--again", "other arguments", "no result"])
def test_what_is_run_again(change, finished, photos, small_weights, started, monkeypatch):
    options = [*arguments(photos, small_weights, finished), "--only", "feature_maps"]
    if change == "--again":
        options.append("--again")
    elif change == "other arguments":
        shrink(monkeypatch, feature_maps=("--random", "1"))
    else:
        (finished / "feature_maps" / "result.json").unlink()
    report.main(options)
    assert started == ["feature_maps"]
    assert json.loads((finished / "feature_maps" / "result.json").read_text())["images"]


def test_collecting_runs_nothing(out, started):
    before = (out / "report.md").read_text()
    (out / "report.md").unlink()
    (out / "report.html").unlink()
    report.main(["--collect", "--out", str(out)])
    assert started == []
    after = (out / "report.md").read_text()
    assert sections(after)[: len(SMALL)] == sections(before)[: len(SMALL)]
    assert (out / "report.html").is_file()


def test_an_empty_folder_has_a_page_too(tmp_path):
    report.main(["--collect", "--out", str(tmp_path)])
    text = (tmp_path / "report.md").read_text()
    assert "Data: none yet. Weights: none yet." in text
    assert text.count("Not run yet.") == len(PLAN)


def test_a_failure_leaves_its_sentence_and_the_others_go_on(out, tmp_path, small_weights, started):
    missing = tmp_path / "none"
    options = ["--only", "feature_maps", "urban_tribes", "filters_block1_conv1"]
    where = ["--data-dir", str(missing), "--tribes-dir", str(missing), "--out", str(out)]
    with pytest.raises(VggjaxError, match="Failed: feature_maps, urban_tribes;"):
        report.main([*options, *where, "--weights", str(small_weights)])
    assert started == ["feature_maps", "urban_tribes", "filters_block1_conv1"]
    text = (out / "report.md").read_text()
    assert f"**Failed:** There is no folder {missing}" in text
    assert "feature_maps/maps.png" not in text, "an older figure is none of this command's"
    assert "| all | " in text, "filters"
    started.clear()
    with pytest.raises(VggjaxError, match="Failed: feature_maps, urban_tribes;"):
        report.main([*options, *where, "--weights", str(small_weights)])
    assert started == ["feature_maps", "urban_tribes"], "what failed is tried again"


def test_the_demo_is_marked(out):
    path = out / "caltech" / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"demo": True}))
    report.main(["--collect", "--out", str(out)])
    text = (out / "report.md").read_text()
    assert "DEMO: sections marked so" in text
    assert text.count("**DEMO** ") == 1


def test_the_options_reach_the_scripts():
    passed = {}
    for flags in (["--dataset", "demo"], ["--tribes-dir", "t", "--weights", "w"]):
        options = report.parse([*flags, "--out", "r"])
        passed |= {(flags[1], p.name): " ".join(report.script_arguments(p, options)) for p in PLAN}
    assert passed["demo", "layers"] == "--dataset demo --out r/layers"
    assert passed["demo", "temperature"] == "--epochs 120 --dataset demo --out r/temperature"
    assert "--weights demo" in passed["demo", "filters_block5_conv3"]
    assert "--dataset" not in passed["demo", "urban_tribes"]
    assert passed["t", "urban_tribes"].endswith("--weights w --data-dir t --out r/urban_tribes")
    assert passed["t", "layers"] == "--weights w --out r/layers"


def test_unknown_names_are_refused():
    with pytest.raises(SystemExit) as exit_:
        report.parse(["--only", "none"])
    assert exit_.value.code == 2
