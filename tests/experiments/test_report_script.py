"""All experiments on one page."""

import json
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import report

from vggjax.checked_json import write_checked_json
from vggjax.claims import claimed
from vggjax.errors import VggjaxError

SMALL = {
    "caltech": {"samples": (2, 4), "val": 3, "test": 3, "epochs": 2, "classifiers": False},
    "feature_maps": {"random": 2},
}


@pytest.fixture(autouse=True, scope="module")
def _small_parts():
    """Let the experiments take seconds."""
    small = tuple(replace(part, chosen=SMALL.get(part.name, part.chosen)) for part in report.PARTS)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(report, "PARTS", small)
        yield


@pytest.fixture(scope="module")
def finished(photos, small_weights, tmp_path_factory):
    """The folder of a report of two small experiments, to be copied."""
    out = tmp_path_factory.mktemp("report") / "out"
    report.main(arguments(photos, small_weights, out))
    return out


@pytest.fixture
def out(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "out"))


@pytest.fixture
def computed(monkeypatch):
    """The experiments that compute something, rather than report what is there."""
    from engine import experiment

    names, real = [], experiment.write_files
    monkeypatch.setattr(
        experiment, "write_files", lambda job, *a: (names.append(job.out.name), real(job, *a))[1]
    )
    return names


def arguments(photos, weights, out):
    where = ["--data-dir", str(photos), "--weights", str(weights), "--out", str(out)]
    return ["--only", *SMALL, *where]


def test_tables_figures_and_commands_stand_on_the_page(out):
    text = (out / "report.md").read_text()
    for piece in (
        "| C1, C2, C3 | test accuracy by images per class | other data or weights | 2: 0.",
        "![C3: accuracy against images per class (Figure 3)](caltech/accuracy.png)",
        "(feature_maps/maps.png)",
        "python experiments/caltech.py",
        "--samples 2 4",
        "Data: photos0. Weights: small.",
        "photos0 (3 classes), small weights; took ",
    ):
        assert piece in text, piece
    assert text.count("\n## ") == len(SMALL) + 1, "what was not run has no section"
    others = ", ".join(part.name for part in report.PARTS if part.name not in SMALL)
    assert f"Not run: {others}." in text
    assert "DEMO" not in text
    assert "0.4518" not in text, "the reference's numbers don't stand beside own photos"
    page = (out / "report.html").read_text()
    assert '<img src="caltech/accuracy.png"' in page
    assert '<a href="caltech/result.json">' in page


def test_what_is_there_is_not_run_again(finished, photos, small_weights, computed, capsys):
    report.main(arguments(photos, small_weights, finished))
    assert computed == []
    assert capsys.readouterr().out.count("has this run already") == 2


def test_replaced_photos_give_new_pictures(out, photos, small_weights, computed, tmp_path):
    """The same command line isn't the same run, if the images under the names are others."""
    folder = shutil.copytree(photos, tmp_path / photos.name)
    for path, other in zip((folder / "ants").iterdir(), (folder / "bees").iterdir(), strict=True):
        first, second = path.read_bytes(), other.read_bytes()
        path.write_bytes(second)
        other.write_bytes(first)
    before = (out / "feature_maps" / "maps.png").read_bytes()
    options = [*arguments(folder, small_weights, out), "--only", "feature_maps"]
    report.main(options)
    assert computed == ["feature_maps"]
    assert (out / "feature_maps" / "maps.png").read_bytes() != before


def test_again_and_a_lost_result_run_anew(out, photos, small_weights, computed):
    options = [*arguments(photos, small_weights, out), "--only", "feature_maps"]
    (out / "feature_maps" / "result.json").unlink()
    report.main(options)
    report.main([*options, "--again"])
    assert computed == ["feature_maps"] * 2


def test_collecting_runs_nothing(out, computed):
    before = (out / "report.md").read_text()
    (out / "report.md").unlink()
    (out / "report.html").unlink()
    report.main(["--collect", "--out", str(out)])
    assert computed == []
    assert (out / "report.md").read_text().split("\n## ")[1:] == before.split("\n## ")[1:]
    assert (out / "report.html").is_file()


def test_an_empty_folder_has_a_page_too(tmp_path):
    report.main(["--collect", "--out", str(tmp_path)])
    text = (tmp_path / "report.md").read_text()
    assert "Data: none yet. Weights: none yet." in text
    assert f"Not run: {', '.join(part.name for part in report.PARTS)}." in text


def test_a_failure_leaves_its_sentence_and_the_others_go_on(out, tmp_path, small_weights, computed):
    missing = tmp_path / "none"
    options = ["--only", "feature_maps", "urban_tribes", "filters_block1_conv1"]
    where = ["--data-dir", str(missing), "--tribes-dir", str(missing), "--out", str(out)]
    for _ in range(2):  # what failed is tried again, what is there isn't
        with pytest.raises(VggjaxError, match="Failed: feature_maps, urban_tribes;"):
            report.main([*options, *where, "--weights", str(small_weights)])
        assert computed == ["filters_block1_conv1"]
    text = (out / "report.md").read_text()
    assert f"> **Failed:** There is no folder {missing}" in text
    assert "feature_maps/maps.png" not in text, "an older figure is none of this command's"
    assert "| all | " in text, "filters"


def test_the_demo_is_marked(out):
    path = out / "caltech" / "result.json"
    content = json.loads(path.read_text()) | {"demo": True, "comparable": True}
    write_checked_json(path, content)
    report.main(["--collect", "--out", str(out)])
    text = (out / "report.md").read_text()
    assert "DEMO: sections marked so" in text
    assert text.count("**DEMO** ") == 1
    assert "| 2: 0.45, 4: 0.59" in text, "the reference's numbers stand beside the demo's"


def test_the_options_reach_the_experiments():
    parts = {part.name: part for part in report.PARTS}

    def passed(name, *flags):
        return report.part_options(parts[name], report.parse([*flags, "--out", "r"]))

    assert passed("layers", "--dataset", "demo").dataset == "demo"
    assert passed("temperature", "--dataset", "demo").epochs == 120
    assert passed("temperature").epochs == 15
    assert passed("filters_block5_conv3", "--dataset", "demo").weights == "demo"
    assert passed("urban_tribes", "--dataset", "demo").dataset == "auto", "a part of the demo"
    tribes = ("--tribes-dir", "t", "--data-dir", "d", "--weights", "w")
    assert passed("urban_tribes", *tribes).data_dir == Path("t")
    assert passed("layers", *tribes).data_dir == Path("d")
    pooled = passed("pooled_layers", *tribes)
    assert (pooled.dataset, pooled.data_dir, pooled.pool) == ("flat", Path("t"), True)
    assert (pooled.weights, pooled.out) == ("w", Path("r/pooled_layers"))
    assert pooled.reference_split
    given = ("--photos", "p.png", "q.png")
    assert passed("feature_maps", *given).images == (Path("p.png"), Path("q.png"))
    assert passed("filters_from_photo_block1_conv1", *given).start == Path("p.png")
    assert passed("filters_from_noise_block1_conv1", *given).start is None


def test_without_a_photo_nothing_starts_from_one(tmp_path, computed):
    report.main(["--only", "filters_from_photo_block1_conv1", "--out", str(tmp_path)])
    assert computed == []


def test_published_numbers_stand_below_their_own_data_only(out):
    path = out / "block5_pool" / "result.json"
    path.parent.mkdir()
    content = json.loads((out / "caltech" / "result.json").read_text())
    for name, times in (("caltech101-40", 1), ("photos", 0)):
        write_checked_json(path, {**content, "dataset": name})
        report.main(["--collect", "--out", str(out)])
        assert (out / "report.md").read_text().count("arXiv 1509.07627") == times


def test_unknown_names_are_refused():
    with pytest.raises(SystemExit) as exit_:
        report.parse(["--only", "none"])
    assert exit_.value.code == 2


def test_one_page_is_written_at_a_time(out, holding_page):
    """The second waits, and then shows all that is there."""
    said = holding_page(out)
    report.main(["--collect", "--out", str(out)])
    assert "Waiting for another process that writes" in "".join(said)
    assert (out / "report.html").is_file()
    assert not list(out.glob(".*"))


@pytest.fixture
def holding_page(capsys):
    """Claims the page in a thread until someone waits for it; what is said then."""
    threads = []

    def hold(out):
        said, entered = [""], threading.Event()

        def wait():
            with claimed(out / "report.html"):
                entered.set()
                for _ in range(1000):
                    said.append(capsys.readouterr().err)
                    if "Waiting" in said[-1]:
                        break
                    time.sleep(0.01)

        threads.append(threading.Thread(target=wait))
        threads[-1].start()
        entered.wait()
        return said

    yield hold
    for thread in threads:
        thread.join()
