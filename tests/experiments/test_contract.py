"""What every experiment keeps to, whatever its question."""

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
import pytest
from caltech import CALTECH
from engine import experiment
from engine.experiment import run_with
from engine.sources import DEMO_SET, DEMO_WEIGHTS
from experiment_helpers import run
from feature_maps import MAPS
from layers import LAYERS, POOLED
from PIL import Image
from steps import LINEAR_STEPS
from temperature import TEMPERATURE
from urban_tribes import TRIBES
from visualize import VISUALIZE
from weights_helpers import write_legacy

from vggjax.errors import VggjaxError
from vggjax.weights import WeightsInfo, convert_file, save, sources
from vggjax.weights.importer import import_weights as read

EXPERIMENTS = Path(experiment.__file__).parents[1]
LAYER = "block2_conv2"
HEADS = ("--samples", "4", "--val", "3", "--test", "3", "--epochs", "2")
UNSAVED = (*HEADS, "--no-classifiers")


@dataclass(frozen=True)
class Case:
    """An experiment, options that make it small, and how it is given images."""

    experiment: object
    small: tuple[str, ...]
    files: tuple[str, ...]
    images: str = "--data-dir"

    def arguments(self, photos, weights):
        return [*self.small, self.images, str(photos), "--weights", str(weights)]


TABLES = ("classes.csv", "confusion.csv", "predictions.csv", "suspects.csv")
JUDGED = ("classes.png", "confusion.png", "reliability.png")
FILES = ("accuracy.png", "dataset.txt", "history.csv", "split.json", *TABLES, *JUDGED)
HEAD_FILES = (*FILES, "validation-seed0.png")
AS_IT_COMES = ("errors.png", "suspects.png")  # where there are any
CASES = {
    "caltech": Case(CALTECH, UNSAVED, FILES),
    "urban_tribes": Case(
        TRIBES,
        (*UNSAVED, "--dataset", "folder", "--head", "steady"),
        (*HEAD_FILES, "history-seed0.png"),
    ),
    "layers": Case(
        LAYERS,
        (*HEADS, "--layers", LAYER, "fc1"),
        (*HEAD_FILES, f"history-{LAYER}-seed0.png", "history-fc1-seed0.png"),
    ),
    "pooled layers": Case(
        POOLED, (*HEADS, "--pool", "--layers", LAYER), (*HEAD_FILES, f"history-{LAYER}-seed0.png")
    ),
    "temperature": Case(TEMPERATURE, UNSAVED, (*HEAD_FILES, "history-seed0.png")),
    "steps": Case(
        LINEAR_STEPS,
        (*HEADS, "--steps", "pyramid", "flip", "joined", "--layer", "fc1", "--beside", LAYER),
        FILES,
    ),
    "feature_maps": Case(MAPS, ("--random", "2"), ("maps.png",)),
    "visualize": Case(
        VISUALIZE,
        ("--layer", LAYER, "--steps", "1", "--size", "16"),
        ("filters.png", "activating.png"),
        "--activating",
    ),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture
def computed(monkeypatch):
    """How often an experiment computes anything, rather than report what is there."""
    calls = []
    original = run_with.__globals__["write_files"]

    def counted(*arguments):
        calls.append(1)
        return original(*arguments)

    monkeypatch.setitem(run_with.__globals__, "write_files", counted)
    return calls


@pytest.fixture
def without_sockets(monkeypatch):
    """Whoever asks the network is found out."""

    def refused(*_, **__):
        pytest.fail("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr("vggjax.download.url_problem", refused)


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are empty files, where only their names matter."""
    monkeypatch.setattr("engine.results.save_figure", lambda figure, path: path.write_bytes(b""))


def repainted(photos, folder):
    """The photos with one class's images changed, under their own names."""
    shutil.copytree(photos, folder)
    for number, path in enumerate((folder / "bees").iterdir()):
        Image.fromarray(np.full((40, 40, 3), 7 + number, np.uint8)).save(path)
    return folder


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_files_and_result_are_complete(case, photos, small_weights, tmp_path, capsys):
    result = run(case.experiment, case.arguments(photos, small_weights), tmp_path)
    assert names(tmp_path) - {*AS_IT_COMES} == {*case.files, "result.json"}
    assert result["files"] == sorted(names(tmp_path) - {"result.json"})
    assert result["experiment"] == case.experiment.name
    assert (result["demo"], result["comparable"]) == (False, False)
    assert result["weights"]["name"] == "small"
    assert len(result["weights"]["hash"]) == 16
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, [line for line in lines if str(tmp_path) not in line])) <= 80
    assert lines[-1].startswith(result["title"])
    assert not any("reference" in line.split() for line in lines[3:5]), "not beside own photos"


@pytest.mark.usefixtures("without_sockets")  # nothing here hangs on it
def test_a_second_run_reports(case, photos, small_weights, tmp_path, computed, capsys):
    arguments = case.arguments(photos, small_weights)
    first = run(case.experiment, arguments, tmp_path)
    printed = capsys.readouterr().out.split("\n\n")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert run(case.experiment, arguments, tmp_path) == first
    assert computed == [1]
    again = capsys.readouterr().out.split("\n\n")
    assert again[-2:-1] == printed[-2:-1], "the same table"
    assert "has this run already (--again runs it anew)" in again[-1]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


SECOND_RUN = """
import sys
from caltech import CALTECH
from engine.experiment import run_with
run_with(CALTECH, sys.argv[1:])
print(*sys.modules)
"""


@pytest.mark.usefixtures("as_the_script_runs", "undrawn")
def test_a_second_run_imports_no_more_than_it_needs(photos, small_weights, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(EXPERIMENTS), prepend=os.pathsep)
    arguments = [*CASES["caltech"].arguments(photos, small_weights), "--out", str(tmp_path)]
    run_with(CALTECH, arguments)
    words = [sys.executable, "-c", SECOND_RUN, *arguments]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    assert "has this run already" in done.stdout
    imported = {*done.stdout.splitlines()[-1].split()}
    assert "jax" in imported
    assert not imported & {
        *("matplotlib", "orbax", "requests", "scipy.linalg", "scipy.special"),
        *("tensorboardX", "tensorflow_datasets", "vggjax.training.classifier"),
    }


@pytest.mark.usefixtures("undrawn")
def test_what_changed_runs_again(
    case, photos, small_weights, tmp_path, computed, small_config, random_tree
):
    """Images under the same names, weights, a lost file, `--again`: each is another run."""
    (tmp_path / "a").mkdir()
    folder = shutil.copytree(photos, tmp_path / "a" / "photos")
    out, other = tmp_path / "out", tmp_path / "other"
    save(other, random_tree(small_config, 5), WeightsInfo("other", "test", "", small_config, {}))
    first = run(case.experiment, case.arguments(folder, small_weights), out)
    shutil.rmtree(folder)
    repainted(photos, folder)
    run(case.experiment, [*case.arguments(folder, small_weights), "--seed", "0"], out)
    assert len(computed) == 2
    assert names(out) - {*AS_IT_COMES} == {*first["files"], "result.json"} - {*AS_IT_COMES}
    run(case.experiment, case.arguments(folder, other), out)
    (out / first["files"][0]).unlink()
    run(case.experiment, case.arguments(folder, other), out)
    run(case.experiment, [*case.arguments(folder, other), "--again"], out)
    run(case.experiment, [*case.arguments(folder, other), "--seed", "1"], out)
    assert len(computed) == 6


@pytest.mark.usefixtures("undrawn")
def test_weights_by_another_name_are_the_same_run(
    case, photos, small_weights, small_tree, tmp_path, computed, monkeypatch, capsys
):
    """A folder, the file it could be made of, a folder made of that: found, the file read once."""
    out, file, mine = tmp_path / "out", tmp_path / "vgg.h5", tmp_path / "mine"
    write_legacy(file, small_tree, 2)
    convert_file(file, mine)
    reads = []
    monkeypatch.setattr(sources, "import_weights", lambda *a, **b: reads.append(1) or read(*a, **b))
    first = run(case.experiment, case.arguments(photos, file), out)
    assert (len(computed), len(reads)) == (1, 1)
    assert first["origin"]["weights"] == first["weights"]["hash"]
    for other in (small_weights, mine, file):
        capsys.readouterr()
        assert run(case.experiment, case.arguments(photos, other), out) == first
        said = "its weights, the same, are called vgg there" in capsys.readouterr().out
        assert said == (other != file)
    assert (len(computed), len(reads)) == (1, 2)


@pytest.mark.usefixtures("undrawn")
def test_what_is_shown_beside_a_result_hangs_on_the_name(photos, tmp_path, computed):
    """The demo's weights by their path are not marked; by their name they are, in another run."""
    one = CASES["feature_maps"]
    demo = [run(one.experiment, one.arguments(photos, weights), tmp_path)["demo"]
            for weights in (sources.demo_folder(), "demo", "demo")]  # fmt: skip
    assert demo == [False, True, True]
    assert len(computed) == 2


@pytest.mark.usefixtures("undrawn")
def test_other_versions_run_again_and_say_so(photos, small_weights, tmp_path, monkeypatch, capsys):
    arguments = CASES["caltech"].arguments(photos, small_weights)
    made_by = run(CALTECH, arguments, tmp_path)["made_by"]
    assert made_by["versions"]["jax"] == jax.__version__
    assert made_by["xla_flags"] == os.environ["XLA_FLAGS"]
    assert {"python", "processor", "system", "devices"} <= made_by.keys()
    newer = {**made_by["versions"], "jax": "99.0"}
    monkeypatch.setattr("engine.results.versions", lambda: newer)
    capsys.readouterr()
    run(CALTECH, arguments, tmp_path)
    assert f"in place of the same run by jax {jax.__version__}" in " ".join(
        capsys.readouterr().out.split()
    )
    run(CALTECH, arguments, tmp_path)
    assert "has this run already" in capsys.readouterr().out


def test_another_run_in_the_folder_leaves_nothing_of_the_first(
    case, photos, small_weights, tmp_path, capsys
):
    """The files of a run that isn't this one's are gone, a stranger's file is not."""
    first = [*HEADS, "--samples", "2", "3", "--seed", "0", "1", "--layer", "fc1"]
    images = ["--data-dir", str(photos), "--weights", str(small_weights)]
    run(CALTECH, [*first, *images], tmp_path)
    assert any(name.startswith("classifier-3-auto-seed1") for name in names(tmp_path))
    (tmp_path / "mine.txt").write_text("kept")
    run(case.experiment, case.arguments(photos, small_weights), tmp_path)
    assert names(tmp_path) - {*AS_IT_COMES} == {*case.files, "result.json", "mine.txt"}
    assert "in place of another run" in capsys.readouterr().out


@pytest.mark.usefixtures("undrawn")
def test_a_failure_leaves_the_earlier_run(case, photos, small_weights, tmp_path, monkeypatch):
    arguments = case.arguments(photos, small_weights)
    first = run(case.experiment, arguments, tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setitem(run_with.__globals__, "write_files", full)
    with pytest.raises(OSError, match="No space left"):
        run(case.experiment, [*arguments, "--again"], tmp_path)
    assert json.loads((tmp_path / "result.json").read_text()) == first
    assert names(tmp_path) - {*AS_IT_COMES} == {*case.files, "result.json"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--weights", "nowhere.h5"], "nowhere.h5"),
        (["--seed", "-1"], "--seed must be at least 0"),
        (["IMAGES", "nowhere"], "nowhere"),
        (["LAYER", "block2_conv9"], "did you mean block2_conv"),
    ],
)
def test_mistakes_are_one_sentence(case, options, words, photos, small_weights, tmp_path, fails):
    layer = {"layers": "--layers", "feature_maps": "--layers"}.get(case.experiment.name, "--layer")
    if options[0] == "LAYER" and case.experiment is TEMPERATURE:
        pytest.skip("it takes no layer")
    given = {"IMAGES": case.images, "LAYER": layer}.get(options[0], options[0])
    arguments = [*case.arguments(photos, small_weights), given, *options[1:]]
    out = tmp_path / "out"
    assert words in fails(lambda: run(case.experiment, arguments, out), out)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("name", "options", "shown"),
    [
        ("caltech", [], DEMO_SET),
        ("urban_tribes", ["--dataset", "auto"], "11 classes of the rendered demo set"),
        ("feature_maps", ["--images", "PHOTO"], DEMO_WEIGHTS),
        ("visualize", ["--layer", "block1_conv1", "--filters", "0", "9"], DEMO_WEIGHTS),
    ],
)
def test_without_a_network_it_is_the_demo_and_says_so(
    name, options, shown, photos, tmp_path, capsys
):
    """Nothing is named, nothing can be fetched: demo data or weights, marked everywhere."""
    arguments = [str(photos / "ants" / "0.png") if o == "PHOTO" else o for o in options]
    result = run(CASES[name].experiment, [*CASES[name].small, *arguments], tmp_path)
    printed = capsys.readouterr().out
    assert shown in printed
    assert printed.splitlines()[-1].startswith(("DEMO ", "given images, demo weights"))
    assert result["demo"]
    assert result["weights"]["name"] == "demo"


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("case_name", ["caltech", "visualize"])
def test_what_is_named_never_falls_back(case_name, photos, tmp_path, fails):
    one, small = CASES[case_name].experiment, CASES[case_name].small
    arguments = [*small, "--weights", "imagenet", CASES[case_name].images, str(photos)]
    assert "imagenet" in fails(lambda: run(one, arguments, tmp_path), tmp_path)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", ["caltech", "layers", "temperature"])
def test_records_hold_what_was_really_used(name, photos, small_weights, tmp_path, capsys):
    """Ten images a class: of 9 + 3 + 3 asked for there are 8 + 1 + 1, and a sentence says so."""
    arguments = [*CASES[name].arguments(photos, small_weights), "--samples", "9"]
    result = run(CASES[name].experiment, arguments, tmp_path)
    sentence = (
        "Fewer images than asked for: the class ants has 8 of 9 train, 1 of 3 validation, 1 of 3 "
        "test images; 3 of 3 classes have fewer."
    )
    assert result["remarks"] == [sentence]
    assert sentence in " ".join(capsys.readouterr().out.split())
    for record in result["records"]:
        assert record["images"] == {"train": 24, "validation": 3, "test": 3}
        assert record["least_per_class"] == {"train": 8, "validation": 1, "test": 1}
        assert 0 <= record["train"]["accuracy"] <= 1


@pytest.mark.usefixtures("undrawn")
def test_a_stored_split_serves_the_same_request_only(photos, small_weights, tmp_path):
    """What ran in the folder before changes nothing."""
    arguments = CASES["caltech"].arguments(photos, small_weights)
    fresh = run(CALTECH, arguments, tmp_path / "fresh")
    run(CALTECH, [*arguments, "--samples", "9"], tmp_path / "used")
    used = run(CALTECH, arguments, tmp_path / "used")
    splits = [(tmp_path / name / "split.json").read_text() for name in ("fresh", "used")]
    assert splits[0] == splits[1]
    for a, b in zip(fresh["records"], used["records"], strict=True):
        assert a | {"seconds": 0} == b | {"seconds": 0}


@pytest.mark.skipif(os.name == "nt", reason="names are UTF-16 there")
def test_names_that_are_not_utf_8(photos, small_weights, tmp_path):
    """Of classes and of images: they are split, trained on and written as they are on the disk."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    shutil.copytree(photos, folder)
    (folder / "bees").rename(folder / os.fsdecode(b"no\xebl"))
    result = run(CALTECH, [*UNSAVED, "--data-dir", folder, "--weights", small_weights], tmp_path)
    assert result["dataset"] == folder.name
    for name in ("dataset.txt", "predictions.csv"):
        assert b"no\xebl" in (tmp_path / name).read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="names are UTF-16 there")
def test_a_folder_that_cannot_take_the_run_is_refused_before_it(
    case, photos, small_weights, tmp_path, computed
):
    (tmp_path / "file").touch()
    for name, error in ((b"caf\xe9", VggjaxError), (b"file/run", NotADirectoryError)):
        with pytest.raises(error):
            run(
                case.experiment, case.arguments(photos, small_weights), tmp_path / os.fsdecode(name)
            )
    assert not computed
    assert names(tmp_path) == {"file"}


def test_a_picture_that_cannot_be_drawn_costs_no_result(
    photos, small_weights, tmp_path, monkeypatch, capsys
):
    def fail(figure, path):
        raise ValueError("no such glyph")

    monkeypatch.setattr("engine.results.save_figure", fail)
    result = run(CALTECH, [*UNSAVED, "--data-dir", photos, "--weights", small_weights], tmp_path)
    assert "accuracy.png could not be drawn (no such glyph)." in capsys.readouterr().err
    assert result["files"] == sorted(names(tmp_path) - {"result.json"})
    assert "predictions.csv" in result["files"]
    assert "accuracy.png" not in result["files"]
