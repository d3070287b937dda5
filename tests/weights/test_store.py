"""What is stored comes back, layer by layer, and is compared (see also `test_checkpoint.py`)."""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import jax
import pytest
from weights_helpers import assert_equal

from vggjax.checked_json import with_checksum
from vggjax.errors import LayerError, WeightsError
from vggjax.model.config import VGGConfig, parameter_shapes
from vggjax.weights.info import WeightsInfo, digest_layers
from vggjax.weights.store import is_store, load_info, load_parameters, save, verify

OTHER = {**VGGConfig().to_json(), "preprocessing": "other"}


@pytest.fixture
def stored(tmp_path, params, info):
    save(tmp_path / "stored", params, info)
    return tmp_path / "stored"


def test_round_trip(stored, params, info):
    assert load_info(stored) == info
    assert_equal(load_parameters(stored), params)
    assert verify(stored) == info
    assert is_store(stored)
    assert not is_store(stored.parent)


def test_overwriting_with_arrays_of_jax(stored, info, random_tree):
    other = random_tree(info.config, seed=8)
    save(stored, jax.tree.map(jax.numpy.asarray, other), info, overwrite=True)
    assert_equal(load_parameters(stored), other)
    assert load_info(stored) == replace(info, digests=digest_layers(other))


def test_some_layers(stored, params):
    names = ["block1_conv1", "block3_conv2"]
    assert_equal(load_parameters(stored, names), {name: params[name] for name in names})
    assert load_parameters(stored, []) == {}
    with pytest.raises(LayerError, match="no layer block9_conv1; it has block1_conv1, "):
        load_parameters(stored, ["block9_conv1"])


@pytest.mark.skipif(sys.platform != "linux", reason="counts the bytes read as Linux reports them")
def test_other_layers_are_not_read(tmp_path, random_tree):
    config = VGGConfig((4, 4, 6, 6, 8), hidden=1024, classes=5, image_size=512)
    params = random_tree(config)
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


def test_parameters_must_fit(tmp_path, params, info):
    with pytest.raises(WeightsError, match="shapes of their network"):
        save(tmp_path / "a", params, replace(info, config=VGGConfig()))
    assert not (tmp_path / "a").exists()


def test_verify_lists_what_differs(tmp_path, params, info, monkeypatch):
    monkeypatch.setattr(
        "vggjax.weights.store.digest_layers",
        lambda params: {**digest_layers(params), "fc1": "0" * 64, "fc2": "1" * 64, "fc9": ""},
    )
    save(tmp_path / "a", params, info)
    with pytest.raises(WeightsError, match=r"checksum of fc1 differs; .*fc2 differs; extra fc9"):
        verify(tmp_path / "a")
    with pytest.raises(WeightsError, match="checksum of fc2 differs"):
        load_parameters(tmp_path / "a", ["fc2"])
    good = load_parameters(tmp_path / "a", ["predictions"])
    assert_equal(good, {"predictions": params["predictions"]})


def test_shapes_are_compared(tmp_path, params, info, monkeypatch):
    shapes = parameter_shapes(info.config)
    monkeypatch.setattr("vggjax.weights.store.parameter_shapes", lambda config: shapes)
    save(tmp_path / "a", params, info)
    shapes["predictions"] = {"kernel": (16, 6), "bias": (6,)}
    shapes["fc9"] = {"kernel": (1, 1), "bias": (1,)}
    with pytest.raises(WeightsError) as caught:
        verify(tmp_path / "a")
    assert "predictions/kernel is float32 (16, 5), not float32 (16, 6)" in str(caught.value)
    assert "fc9/bias cannot be read" in str(caught.value)


@pytest.mark.parametrize(
    "change", [{"config": {}}, {"config": None}, {"surprise": 1}, {"config": OTHER}]
)
def test_foreign_description(stored, info, change):
    (file,) = [path for path in (stored / "info").rglob("*") if path.is_file()]
    file.write_text(json.dumps(with_checksum({**asdict(info), **change})))
    with pytest.raises(WeightsError, match="is damaged or incomplete"):
        load_info(stored)
