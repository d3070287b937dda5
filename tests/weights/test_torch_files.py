import io
import pickle
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from weights_helpers import assert_equal

from vggjax.errors import WeightsError
from vggjax.weights.convert import to_parameters
from vggjax.weights.formats import read_weights
from vggjax.weights.torch_pickle import LEGACY_MAGIC

BOTH = pytest.mark.parametrize("zipped", [True, False])


def save(content, path, zipped=True):
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_formats(torch_files, params, config, kind):
    found, found_config = to_parameters(read_weights(torch_files[kind]))
    assert_equal(found, params)
    assert found_config.preprocessing == "torch"
    assert found_config.image_size == config.image_size
    assert (found_config.widths, found_config.depths) == (config.widths, config.depths)
    assert (found_config.hidden, found_config.classes) == (config.hidden, config.classes)


def test_first_dense_layer_in_order(torch_files, state):
    """Flattening maps in either order must give the same features."""
    maps = np.random.default_rng(0).normal(size=(8, 2, 2)).astype("f4")  # (C, H, W)
    found, _ = to_parameters(read_weights(torch_files["zip"]))
    theirs = state["classifier.0.weight"] @ maps.ravel()
    ours = maps.transpose(1, 2, 0).ravel() @ found["fc1"]["kernel"]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@BOTH
def test_module_saved_by_torch(tmp_path, zipped):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    tensors = read_weights(save(module.state_dict(), tmp_path / "m.pth", zipped)).tensors
    assert list(tensors) == list(module.state_dict())
    for name, value in module.state_dict().items():
        np.testing.assert_array_equal(tensors[name], value.numpy())


@BOTH
def test_checkpoint_of_parallel_training(tmp_path, state, params, zipped):
    tensors = {f"module.{name}": torch.from_numpy(values) for name, values in state.items()}
    content = {"epoch": 3, "best": 0.5, "arch": "vgg16", "state_dict": tensors}
    path = save(content, tmp_path / "checkpoint.tar", zipped)
    assert_equal(to_parameters(read_weights(path))[0], params)


@BOTH
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int64", "bool"])
def test_number_types(tmp_path, zipped, dtype):
    value = (torch.arange(6).reshape(2, 3) - 2).to(getattr(torch, dtype))
    found = read_weights(save({"a": value}, tmp_path / "a.pth", zipped)).tensors["a"]
    np.testing.assert_array_equal(found.astype("f4"), value.to(torch.float32).numpy())


@BOTH
def test_views_of_one_storage(tmp_path, zipped):
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    views = {"all": base, "turned": base.T, "part": base[1:3, 2:], "steps": base[::2, ::3]}
    views["parameter"] = torch.nn.Parameter(base + 1)
    found = read_weights(save(views, tmp_path / "views.pth", zipped)).tensors
    for name, value in views.items():
        np.testing.assert_array_equal(found[name], value.detach().numpy())


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickle_protocols(tmp_path, protocol):
    torch.save({"a": torch.ones(3)}, tmp_path / "a.pth", pickle_protocol=protocol)
    np.testing.assert_array_equal(read_weights(tmp_path / "a.pth").tensors["a"], np.ones(3))


class _Global:
    """Something pickled as a mere name."""

    def __init__(self, module, name):
        self.text = f"c{module}\n{name}\n".encode()


class _OldPickler(pickle._Pickler):
    """Writes parameters as PyTorch 0.1 under Python 2 did; torchvision's VGG16 is that old."""

    def save(self, item, save_persistent_id=True):
        if isinstance(item, _Global):
            self.write(item.text)
        elif isinstance(item, np.ndarray):
            self.save_parameter(item)
        else:
            super().save(item, save_persistent_id)

    def save_parameter(self, array):
        self.save(_Global("torch.nn.parameter", "Parameter"))
        self.save(_Global("torch._utils", "_rebuild_tensor"))
        self.write(b"(")
        key = str(1000 + array.size)
        kind = _Global("torch.cuda", "FloatStorage")
        self.save(("storage", kind, key, "cuda:0", array.size + 1, (key + "v", 1, array.size)))
        self.write(b"Q")
        strides = tuple(stride // 4 for stride in array.strides)
        for item in (0, array.shape, strides):
            self.save(item)
        self.write(b"tR\x85R")
        self.save((True, False, OrderedDict()))
        self.write(b"b")


def test_file_of_pytorch_0_1(tmp_path):
    arrays = {"a": np.arange(6, dtype="f4").reshape(2, 3), "b": np.arange(5, dtype="f4")}
    file = io.BytesIO()
    for item in (LEGACY_MAGIC, 1001, {"little_endian": True}):
        pickle.dump(item, file, 2)
    _OldPickler(file, 2).dump(arrays)
    pickle.dump([str(1000 + array.size) for array in arrays.values()], file, 2)
    for array in arrays.values():
        file.write(struct.pack("<q", array.size + 1) + b"skip" + array.tobytes())
    (tmp_path / "old.pth").write_bytes(file.getvalue())
    found = read_weights(tmp_path / "old.pth").tensors
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
