import zipfile
from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from pickle_helpers import legacy_file, number, table, tensor
from weights_helpers import assert_equal, assert_read, parameters

from vggjax.errors import WeightsError
from vggjax.weights.formats import read_weights

BOTH = pytest.mark.parametrize("zipped", [True, False])


def save(content, path, zipped=True):
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_formats(torch_files, params, config, kind):
    assert_read(torch_files[kind], params, replace(config, preprocessing="torch"))


def test_first_dense_layer_in_order(torch_files, state):
    """Flattening maps in either order must give the same features."""
    maps = np.random.default_rng(0).normal(size=(8, 2, 2)).astype("f4")  # (C, H, W)
    found = parameters(read_weights(torch_files["zip"]))
    theirs = state["classifier.0.weight"] @ maps.ravel()
    ours = maps.transpose(1, 2, 0).ravel() @ found["fc1"]["kernel"]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def assert_same(path, tensors):
    found = read_weights(path).tensors
    assert list(found) == list(tensors)
    for name, value in tensors.items():
        np.testing.assert_array_equal(found[name].astype("f8"), value.detach().double().numpy())


@BOTH
def test_module_saved_by_torch(tmp_path, zipped):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    assert_same(save(module.state_dict(), tmp_path / "m.pth", zipped), module.state_dict())


@BOTH
def test_checkpoint_of_parallel_training(tmp_path, state, params, zipped):
    tensors = {f"module.{name}": torch.from_numpy(values) for name, values in state.items()}
    content = {"epoch": 3, "best": 0.5, "arch": "vgg16", "state_dict": tensors}
    path = save(content, tmp_path / "checkpoint.tar", zipped)
    assert_equal(parameters(read_weights(path)), params)


@BOTH
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int64", "bool"])
def test_number_types(tmp_path, zipped, dtype):
    tensors = {"a": (torch.arange(6).reshape(2, 3) - 2).to(getattr(torch, dtype))}
    assert_same(save(tensors, tmp_path / "a.pth", zipped), tensors)


@BOTH
def test_views_of_one_storage(tmp_path, zipped):
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    views = {"all": base, "transposed": base.T, "part": base[1:3, 2:], "steps": base[::2, ::3]}
    views["parameter"] = torch.nn.Parameter(base + 1)
    assert_same(save(views, tmp_path / "views.pth", zipped), views)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickle_protocols(tmp_path, protocol):
    tensors = {"a": torch.ones(3)}
    torch.save(tensors, tmp_path / "a.pth", pickle_protocol=protocol)
    assert_same(tmp_path / "a.pth", tensors)


def old_parameter(array):
    """A parameter as PyTorch 0.1 under Python 2 wrote it; torchvision's VGG16 is that old."""
    sizes = {"shape": array.shape, "strides": [stride // 4 for stride in array.strides]}
    key, floats = f"{array.size}", b"ctorch.cuda\nFloatStorage\n"
    data = tensor(array.size + 1, 0, **sizes, storage=floats, key=key, view=("v", 1, array.size))
    attributes = number((True, False, OrderedDict()))
    old = data.replace(b"_tensor_v2", b"_tensor")
    return b"ctorch.nn.parameter\nParameter\n" + old + b"\x85R" + attributes + b"b"


def test_file_of_pytorch_0_1(tmp_path):
    arrays = {"a": np.arange(6, dtype="f4").reshape(2, 3), "b": np.arange(5, dtype="f4")}
    pickled = table(**{name: old_parameter(array) for name, array in arrays.items()})
    storages = {f"{array.size}": b"skip" + array.tobytes() for array in arrays.values()}
    found = read_weights(legacy_file(tmp_path / "old.pth", pickled, storages)).tensors
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("content", [{"a": 1}, [torch.ones(2)], torch.ones(2), {}])
def test_no_state_dict(tmp_path, content):
    with pytest.raises(WeightsError, match=r"no state dict; save `model.state_dict\(\)`"):
        read_weights(save(content, tmp_path / "a.pth"))


def test_script(tmp_path):
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        for name in ("script/data.pkl", "script/constants.pkl", "script/code/vgg.py"):
            archive.writestr(name, b"\x80\x02}.")
    with pytest.raises(WeightsError, match="TorchScript program"):
        read_weights(tmp_path / "script.pt")


def test_big_endian(tmp_path, torch_files):
    legacy = torch_files["legacy"].read_bytes()
    marker = legacy.index(b"little_endian") + len(b"little_endian") + 2
    assert legacy[marker : marker + 1] == b"\x88"
    (tmp_path / "legacy").write_bytes(legacy[:marker] + b"\x89" + legacy[marker + 1 :])
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}.")
        archive.writestr("a/byteorder", b"big")
    for name in ("legacy", "zip"):
        with pytest.raises(WeightsError, match="big-endian"):
            read_weights(tmp_path / name)


@BOTH
def test_whole_model(tmp_path, zipped):
    path = save(torch.nn.Sequential(torch.nn.Linear(2, 2)), tmp_path / "model.pth", zipped)
    with pytest.raises(WeightsError, match=r"whole pickled model.*save `model.state_dict\(\)`"):
        read_weights(path)
