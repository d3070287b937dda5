from pathlib import Path

import numpy as np
import pytest
from weights_helpers import assert_equal

from vggjax.errors import WeightsError
from vggjax.model.config import VGGConfig
from vggjax.weights.convert import infer_config, to_parameters
from vggjax.weights.formats import ForeignWeights, read_weights


def keras(params):
    tensors = {f"{layer}/{role}": a for layer, roles in params.items() for role, a in roles.items()}
    return ForeignWeights(Path("w.h5"), "keras", "test", tensors)


def torch(tensors):
    return ForeignWeights(Path("w.pth"), "torch", "test", tensors)


@pytest.mark.parametrize(
    "depths", [(1, 1, 2, 2, 2), (2, 2, 2, 2, 2), (2, 2, 3, 3, 3), (2, 2, 4, 4, 4)]
)
@pytest.mark.parametrize(
    "rest", [{"top": False}, {"hidden": 12, "classes": 3, "image_size": 96}], ids=["no top", "top"]
)
def test_inferred_depths(random_tree, depths, rest):
    config = VGGConfig((4, 5, 6, 7, 8), depths, **rest)
    assert infer_config(keras(random_tree(config))) == config


def test_unlike_any_vgg_is_compared_with_vgg16(params):
    shortened = {name: roles for name, roles in params.items() if name != "block5_conv2"}
    assert infer_config(keras(shortened)) == VGGConfig()
    assert infer_config(torch({})) == VGGConfig(preprocessing="torch")


def test_every_misfit_is_listed(params, config):
    file = keras(params)
    tensors = file.tensors
    del tensors["block2_conv1/kernel"], tensors["fc2/bias"]
    tensors["surprise/kernel"] = np.ones((2, 2), "f4")
    tensors["block1_conv1/bias"] = np.ones(9, "f4")
    tensors["fc1/kernel"] = np.ones((7, 16), "f4")
    tensors["predictions/kernel"] = np.ones((16, 5), "i4")
    with pytest.raises(WeightsError) as caught:
        to_parameters(file, config)
    message = str(caught.value)
    for part in (
        "w.h5 is not the expected VGG (2 tensors missing, 1 extra, 3 misshapen): ",
        "missing block2_conv1/kernel (3, 3, 4, 4)",
        "missing fc2/bias (16,)",
        "extra surprise/kernel (2, 2)",
        "block1_conv1/bias is float32 (9,), but block1_conv1/bias needs floats (4,)",
        "fc1/kernel is float32 (7, 16), but fc1/kernel needs floats (32, 16)",
        "predictions/kernel is int32 (16, 5)",
    ):
        assert part in message
    assert "\n" not in message


def test_misfits_in_torch_names(state, config):
    tensors = dict(state)
    tensors["features.2.weight"] = tensors.pop("features.0.weight")
    with pytest.raises(WeightsError) as caught:
        to_parameters(torch(tensors), config)
    assert "missing features.0.weight (4, 3, 3, 3) for block1_conv1/kernel" in str(caught.value)
    assert "features.2.weight is float32 (4, 3, 3, 3), but block1_conv2" in str(caught.value)


def test_wrong_architecture(torch_files, state):
    with pytest.raises(WeightsError, match=r"32 misshapen"):
        to_parameters(read_weights(torch_files["zip"]), VGGConfig())
    batch_norm = {**state, "features.1.running_mean": np.ones(4, "f4")}
    with pytest.raises(WeightsError, match=r"1 extra, .*extra features.1.running_mean"):
        to_parameters(torch(batch_norm))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_values_must_be_finite(params, bad):
    file = keras(params)
    for name in ("fc2/bias", "block3_conv1/kernel"):
        file.tensors[name] = file.tensors[name].astype("f8")
        file.tensors[name].flat[3] = bad
    with pytest.raises(WeightsError, match="not finite in block3_conv1/kernel, fc2/bias"):
        to_parameters(file)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_safetensors_in_half_precision(tmp_path, state, dtype):
    import torch as pytorch
    from safetensors.torch import save_file

    to = getattr(pytorch, dtype)
    halved = {name: pytorch.tensor(values).to(to) for name, values in state.items()}
    save_file(halved, tmp_path / "half")
    found, _ = to_parameters(read_weights(tmp_path / "half"))
    expected = halved["features.0.bias"].to(pytorch.float32).numpy()
    np.testing.assert_array_equal(found["block1_conv1"]["bias"], expected)


def test_result_shares_no_memory_with_the_file(state, params):
    tensors = {name: values.copy() for name, values in state.items()}
    found, _ = to_parameters(torch(tensors))
    for values in tensors.values():
        values[...] = 0
    assert_equal(found, params)
