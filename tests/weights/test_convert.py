from pathlib import Path

import numpy as np
import pytest
from weights_helpers import assert_equal, parameters

from vggjax.errors import WeightsError
from vggjax.weights.convert import to_parameters
from vggjax.weights.formats import ForeignWeights, read_weights
from vggjax.weights.match import match


def keras(params):
    tensors = {f"{layer}/{role}": a for layer, roles in params.items() for role, a in roles.items()}
    return ForeignWeights(Path("w.h5"), "keras", "test", tensors)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_values_must_be_finite(params, bad):
    file = keras(params)
    for name in ("fc2/bias", "block3_conv1/kernel"):
        file.tensors[name] = file.tensors[name].astype("f8")
        file.tensors[name].flat[3] = bad
    with pytest.raises(WeightsError, match="not finite in block3_conv1, fc2; get it again"):
        parameters(file)
    layers = ["block1_conv1", "block1_conv2"]
    assert list(to_parameters(file, match(file), layers)) == layers, "others are not looked at"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_safetensors_in_half_precision(tmp_path, state, dtype):
    import torch as pytorch
    from safetensors.torch import save_file

    to = getattr(pytorch, dtype)
    halved = {name: pytorch.tensor(values).to(to) for name, values in state.items()}
    save_file(halved, tmp_path / "half")
    found = parameters(read_weights(tmp_path / "half"))
    expected = halved["features.0.bias"].to(pytorch.float32).numpy()
    np.testing.assert_array_equal(found["block1_conv1"]["bias"], expected)


def test_result_shares_no_memory_with_the_file(state, params):
    tensors = {name: values.copy() for name, values in state.items()}
    found = parameters(ForeignWeights(Path("w.pth"), "torch", "test", tensors))
    for values in tensors.values():
        values[...] = 0
    assert_equal(found, params)
