"""Stored weights and saved heads alike: there whole or not at all, movable, damage is noticed."""

import os
import subprocess
import sys
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from weights_helpers import assert_equal

from vggjax.errors import WeightsError
from vggjax.model import parameters, softmax_head
from vggjax.training.saved import ClassifierInfo, load_head, save_head
from vggjax.weights.store import load_parameters, save


class Kind(NamedTuple):
    noun: str
    write: Any
    read: Any
    parameters: dict

    def check(self, folder):
        """Raises WeightsError, or finds what was written, or else fails."""
        assert_equal(self.read(folder), self.parameters)


@pytest.fixture
def kinds(params, info):
    head = softmax_head((1024,), 3, start="glorot")
    about = ClassifierInfo(("ants", "bees", "cats"), "fc2", "ab" * 32, "caffe", 32, "nearest")
    write_weights = partial(save, params=params, info=info)
    write_head = partial(save_head, head=head, info=about)
    return {
        "weights": Kind("stored weights", write_weights, load_parameters, params),
        "head": Kind("saved classifier files", write_head, read_head, parameters(head)),
    }


def read_head(folder):
    return parameters(load_head(folder)[0])


@pytest.fixture(params=["weights", "head"])
def kind(request, kinds):
    return kinds[request.param]


@pytest.fixture
def written(kind, tmp_path):
    kind.write(tmp_path / "deep" / "written")
    return tmp_path / "deep" / "written"


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def entries(folder):
    return sorted(path.name for path in folder.iterdir())


def test_it_is_small_can_be_moved_and_names_no_path(kind, written, tmp_path):
    kind.check(written)
    assert len(files(written)) <= 16
    assert not any(str(written.parent).encode() in path.read_bytes() for path in files(written))
    assert entries(written.parent) == ["written"]
    kind.check(written.rename(tmp_path / "elsewhere"))


def test_what_is_there_is_kept(kind, written):
    with pytest.raises(WeightsError, match="exists already"):
        kind.write(written)
    kind.write(written, overwrite=True)
    kind.check(written)
    (written.parent / "thesis").mkdir()
    with pytest.raises(WeightsError, match=f"something other than {kind.noun}"):
        kind.write(written.parent / "thesis", overwrite=True)
    assert entries(written.parent) == ["thesis", "written"]


def test_failure_leaves_nothing_and_keeps_the_old(kind, written, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vggjax.weights.replacing.set_aside", full)
    for folder in (written, written.parent / "new"):
        with pytest.raises(WeightsError, match=r"cannot be written \(No space left"):
            kind.write(folder, overwrite=True)
    assert entries(written.parent) == ["written"]
    kind.check(written)


REPLACES = """
import os, sys
from pathlib import Path
from vggjax.weights import replacing
from vggjax.weights.store import load_info, load_parameters, save
folder, when = Path(sys.argv[1]), sys.argv[2]
def set_aside(folder, act=replacing.set_aside):
    act(folder)
    os._exit(9)
def remove(old):
    if old.exists():
        os._exit(9)
if when == "between":
    replacing.set_aside = set_aside
else:
    replacing.remove = remove
params = load_parameters(folder)
params["predictions"]["bias"] += 1
save(folder, params, load_info(folder), overwrite=True)
"""


@pytest.mark.parametrize("then", ["read", "overwrite", "convert"])
@pytest.mark.parametrize("when", ["between", "after"])
def test_a_kill_while_it_is_replaced(tmp_path, params, info, when, then):
    """Between the renames the old is put back, after them the new is there; nothing else is."""
    folder = tmp_path / "stored"
    save(folder, params, info)
    command = [sys.executable, "-c", REPLACES, str(folder), when]
    assert subprocess.run(command, check=False).returncode == 9
    assert folder.exists() == (when == "after")
    assert ".stored.old" in entries(tmp_path)
    if then == "overwrite":
        save(folder, params, info, overwrite=True)
    elif then == "convert":
        with pytest.raises(WeightsError, match="exists already"):
            save(folder, params, info)
    expected = params["predictions"]["bias"] + np.float32(when == "after" and then != "overwrite")
    assert load_parameters(folder)["predictions"]["bias"].tolist() == expected.tolist()
    assert entries(tmp_path) == ["stored"]


def test_a_folder_of_someone_else_s_is_not_put_back(tmp_path):
    other = tmp_path / ".stored.old"
    (other / "thesis").mkdir(parents=True)
    with pytest.raises(WeightsError, match="is not a folder of"):
        load_parameters(tmp_path / "stored")
    assert entries(tmp_path) == [".stored.old"]


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small disk")
@pytest.mark.parametrize("size", ["8k", "40k"])
def test_a_full_disk_is_said_and_nothing_is_left(kind, written, tmp_path, size, capfd):
    """TensorStore's threads go on after its error, and would write anew what is removed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("can't mount")
    try:
        with pytest.raises(WeightsError, match=r"disk/a cannot be written \(No space left on dev"):
            kind.write(disk / "a")
        assert entries(disk) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("damage", ["truncate", "remove", "flip"])
def test_every_damaged_file(kind, written, damage, capfd):
    """Each file is either needed, and one clear error says so, or it is redundant."""
    needed = {}
    for path in files(written):
        content, middle = path.read_bytes(), path.stat().st_size // 2
        path.unlink()
        if damage != "remove":
            flipped = bytes(byte ^ 4 for byte in content[middle : middle + 1])
            rest = b"" if damage == "truncate" else flipped + content[middle + 1 :]
            path.write_bytes(content[:middle] + rest)
        try:
            kind.check(written)
        except WeightsError as error:
            needed[path.name] = str(error)
        path.write_bytes(content)
    assert max(files(written), key=lambda path: path.stat().st_size).name in needed
    assert damage == "flip" or {"metadata", "manifest.ocdbt"} <= needed.keys()
    assert not any("\n" in message for message in needed.values())
    assert len(needed) >= 2
    assert capfd.readouterr() == ("", "")


def test_other_folders(kind, kinds, tmp_path):
    (other,) = (one for one in kinds.values() if one.noun != kind.noun)
    other.write(tmp_path / "other")
    for name in (".", "missing", "other"):
        with pytest.raises(WeightsError, match=f"is not a folder of {kind.noun}"):
            kind.check(tmp_path / name)
