import sys
from dataclasses import replace
from pathlib import Path

import pytest
from weights_helpers import assert_equal, make_params

from vggjax.errors import LayerError, WeightsError
from vggjax.model.config import VGGConfig
from vggjax.weights.info import WeightsInfo, digest_layers
from vggjax.weights.store import is_store, load_info, load_parameters, save, verify

OTHER = {**VGGConfig().to_json(), "preprocessing": "other"}


@pytest.fixture
def stored(tmp_path, params, info):
    save(tmp_path / "deep" / "stored", params, info)
    return tmp_path / "deep" / "stored"


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_round_trip(stored, params, info):
    assert load_info(stored) == info
    assert_equal(load_parameters(stored), params)
    assert verify(stored) == info


def test_small_and_without_paths(stored):
    assert len(files(stored)) <= 16
    assert not any(str(stored.parent).encode() in path.read_bytes() for path in files(stored))
    assert [path.name for path in stored.parent.iterdir()] == ["stored"]


def test_relocated(stored, params, tmp_path):
    stored.rename(tmp_path / "elsewhere")
    assert_equal(load_parameters(tmp_path / "elsewhere"), params)


def test_some_layers(stored, params):
    names = ["block1_conv1", "block3_conv2"]
    assert_equal(load_parameters(stored, names), {name: params[name] for name in names})
    assert load_parameters(stored, []) == {}
    with pytest.raises(LayerError, match="no layer block9_conv1; it has block1_conv1, "):
        load_parameters(stored, ["block9_conv1"])


@pytest.mark.skipif(sys.platform != "linux", reason="counts the bytes read as Linux reports them")
def test_other_layers_are_not_read(tmp_path):
    config = VGGConfig((4, 4, 6, 6, 8), hidden=1024, classes=5, image_size=512)
    params = make_params(config)
    total = sum(values.nbytes for roles in params.values() for values in roles.values())
    save(tmp_path / "big", params, WeightsInfo("big", "", "", config, digest_layers(params)))
    load_parameters(tmp_path / "big", ["block1_conv1"])
    before = bytes_read()
    load_parameters(tmp_path / "big", ["block1_conv1", "block5_conv3"])
    partly, before = bytes_read() - before, bytes_read()
    load_parameters(tmp_path / "big")
    assert partly < total / 4 < total / 2 < bytes_read() - before


def bytes_read():
    return int(Path("/proc/self/io").read_text().split()[1])


def test_existing_folder_is_kept(stored, params, info, config):
    other = make_params(config, seed=8)
    with pytest.raises(WeightsError, match="exists already"):
        save(stored, other, info)
    assert_equal(load_parameters(stored), params)
    save(stored, other, info, overwrite=True)
    assert_equal(load_parameters(stored), other)
    assert [path.name for path in stored.parent.iterdir()] == ["stored"]


def test_only_stores_are_overwritten(tmp_path, params, info):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(WeightsError, match="something other than stored weights"):
        save(tmp_path, params, info, overwrite=True)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_failure_leaves_nothing_and_keeps_the_old(stored, params, info, monkeypatch):
    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vggjax.weights.store.digest_layers", fail)
    with pytest.raises(WeightsError, match=r"cannot be written \(No space left"):
        save(stored, params, info, overwrite=True)
    with pytest.raises(WeightsError, match="cannot be written"):
        save(stored.parent / "new", params, info)
    assert [path.name for path in stored.parent.iterdir()] == ["stored"]
    assert_equal(load_parameters(stored), params)


def test_parameters_must_fit(tmp_path, params, info):
    with pytest.raises(WeightsError, match="shapes of their network"):
        save(tmp_path / "a", params, replace(info, config=VGGConfig()))
    assert not (tmp_path / "a").exists()


def test_verify_lists_what_differs(tmp_path, params, info, config, monkeypatch):
    monkeypatch.setattr(
        "vggjax.weights.store.digest_layers",
        lambda params: {**digest_layers(params), "fc1": "0" * 64, "fc2": "1" * 64, "fc9": ""},
    )
    save(tmp_path / "a", params, info)
    with pytest.raises(WeightsError, match=r"checksum of fc1 differs; .*fc2 differs; extra fc9"):
        verify(tmp_path / "a")
    with pytest.raises(WeightsError, match="checksum of fc2 differs"):
        load_parameters(tmp_path / "a", ["fc2"])
    assert_equal(
        load_parameters(tmp_path / "a", ["predictions"]),
        {"predictions": params["predictions"]},
    )


def test_arrays_of_jax(tmp_path, params, info):
    import jax

    save(tmp_path / "a", jax.tree.map(jax.numpy.asarray, params), info)
    assert_equal(load_parameters(tmp_path / "a"), params)
    assert load_info(tmp_path / "a") == info


def test_shapes_are_compared(tmp_path, params, info, config, monkeypatch):
    monkeypatch.setattr("vggjax.weights.store.parameter_shapes", lambda config: shapes)
    shapes = {
        layer: {role: a.shape for role, a in roles.items()} for layer, roles in params.items()
    }
    save(tmp_path / "a", params, info)
    shapes["predictions"] = {"kernel": (16, 6), "bias": (6,)}
    shapes["fc9"] = {"kernel": (1, 1), "bias": (1,)}
    with pytest.raises(WeightsError) as caught:
        verify(tmp_path / "a")
    assert "predictions/kernel is float32 (16, 5), not float32 (16, 6)" in str(caught.value)
    assert "fc9/bias cannot be read" in str(caught.value)


def test_flipped_byte(stored):
    data = max(files(stored), key=lambda path: path.stat().st_size)
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 4
    data.write_bytes(content)
    with pytest.raises(WeightsError, match="is damaged"):
        verify(stored)
    with pytest.raises(WeightsError, match="is damaged"):
        load_parameters(stored)


@pytest.mark.parametrize("damage", ["truncate", "remove"])
def test_every_damaged_file(stored, params, capfd, damage):
    """Each file is either needed, and one clear error says so, or it is redundant."""
    needed = []
    for path in files(stored):
        content = path.read_bytes()
        path.unlink()
        if damage == "truncate":
            path.write_bytes(content[: len(content) // 2])
        try:
            assert_equal(load_parameters(stored), params)
        except WeightsError:
            needed.append(path.name)
            with pytest.raises(WeightsError, match=r"^[^\n]+$"):
                verify(stored)
        path.write_bytes(content)
    assert {"metadata", "manifest.ocdbt"} < set(needed)
    assert max(files(stored), key=lambda path: path.stat().st_size).name in needed
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "change", [{"config": {}}, {"config": None}, {"surprise": 1}, {"config": OTHER}]
)
def test_foreign_description(stored, info, change):
    import json

    (file,) = files(stored / "info")
    file.write_text(json.dumps({**info.to_json(), **change}))
    with pytest.raises(WeightsError, match="is damaged or incomplete"):
        load_info(stored)


def test_other_folders(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        assert not is_store(folder)
        with pytest.raises(WeightsError, match="not a folder of stored weights"):
            load_info(folder)
