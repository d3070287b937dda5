import json

import numpy as np
import pytest
from harness import MOST_SECONDS, START_SECONDS, Worker
from readers import CONTROLS, READERS, classifier, safetensors, store
from weight_bombs import BOMBS

from vggjax.checked_json import with_checksum

MOST_MEGABYTES = 1200  # a program with JAX has some 300 before it reads anything


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    folder = tmp_path_factory.mktemp("worker")
    (folder / "empty").mkdir()
    worker = Worker(folder)
    yield worker
    worker.end()


@pytest.fixture
def ask(worker, tmp_path):
    """What reading a file gives: kind, sentence, doings, megabytes; "hung" or "crashed" instead."""
    if worker.process is None:
        valid = safetensors(tmp_path, np.random.default_rng(0))
        worker.ask("safetensors file", str(valid), False, seconds=START_SECONDS)
    return lambda name, path, seconds=MOST_SECONDS: worker.ask(
        name, str(path), True, seconds=seconds
    )


@pytest.mark.parametrize("name", BOMBS)
def test_weight_files_are_refused_in_time_and_memory(name, ask, tmp_path):
    kind, text, done, megabytes = ask("Keras 2 file", BOMBS[name](tmp_path))
    assert (kind, done) == ("refused", []), text
    assert megabytes < MOST_MEGABYTES


def changed(path, item, *place, value):
    file = path / item / "metadata"
    content = node = json.loads(file.read_text())
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    file.write_text(json.dumps(with_checksum(content)))  # by whoever wants it to be believed
    return path


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("depths", [10**8, 2, 3, 3, 3]),
        ("depths", [1] * 10**5),
        ("widths", [10**9] * 5),
        ("widths", [10**4] * 5),
        ("hidden", float("nan")),
        ("hidden", 2**16),
        ("classes", 10**18),
        ("classes", True),
        ("image_size", 10**9),
        ("image_size", 224.0),
        ("top", "yes"),
        ("preprocessing", ["caffe"]),
    ],
)
def test_descriptions_of_weights(key, value, ask, tmp_path):
    path = changed(store(tmp_path, np.random.default_rng(0)), "info", "config", key, value=value)
    kind, text, _, megabytes = ask("stored weights", path)
    assert kind == "refused", text
    assert megabytes < MOST_MEGABYTES


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("info", "class_names"), "abc"),
        (("info", "class_names"), [1, 2, 3]),
        (("info", "image_size"), 10**12),
        (("info", "sure_above"), float("nan")),
        (("info", "sure_above"), "1"),
        (("info", "views"), "whole"),
        (("info", "about"), []),
        (("heads", "fc2", 0, "settings"), {"side": -(10**9)}),
        (("heads", "fc2", 0, "settings"), {"relu": float("inf")}),
        (("shapes", "fc2.head", "kernel"), [2**20, 2**20]),
        (("shapes", "fc2.head", "kernel"), [-1, 3]),
    ],
)
def test_descriptions_of_classifiers(place, value, ask, tmp_path):
    path = classifier(tmp_path, np.random.default_rng(0))
    kind, text, _, megabytes = ask("classifier", changed(path, "classifier", *place, value=value))
    assert kind == "refused", text
    assert megabytes < MOST_MEGABYTES


@pytest.mark.parametrize("control", [each.name for each in CONTROLS])
def test_the_worker_tells_what_is_wrong(control, ask, tmp_path):
    """Readers that do what none may: each is found out."""
    answer = ask(control, tmp_path / "made", 1 if control == "hung" else MOST_SECONDS)
    if control in ("hung", "crashed"):
        assert answer == control
    elif control == "over 2 GB":
        assert answer[3] > 2000
    elif control == "code run":
        assert answer[2]
    else:
        assert answer[0] == "wrong"


def test_names_of_readers():
    assert len({reader.name for reader in (*READERS, *CONTROLS)}) == len(READERS) + len(CONTROLS)
