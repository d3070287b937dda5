import zipfile

import h5py
import numpy as np
import pytest
from weights_helpers import assert_equal, keras_may_warn, make_params

from vggjax.errors import WeightsError
from vggjax.model.config import VGGConfig
from vggjax.weights.convert import to_parameters
from vggjax.weights.formats import read_weights

KERAS_KINDS = [f"{name}{end}" for name in ("named", "unnamed") for end in (".keras", ".h5")]
KERAS_KINDS += ["named.weights.h5", "unnamed.weights.h5"]


@pytest.mark.parametrize("kind", KERAS_KINDS)
def test_keras_3_files(keras_files, params, config, kind):
    found, found_config = to_parameters(read_weights(keras_files[kind]))
    assert_equal(found, params)
    assert found_config == config


def write_legacy(path, params, style, inside=None):
    """A file as Keras 1 ("block1_conv1_W_1:0") and Keras 2 ("block1_conv1/kernel:0") wrote it."""
    styles = {
        1: {"kernel": "{}_W_1:0", "bias": "{}_b_1:0"},
        2: {"kernel": "{0}/kernel:0", "bias": "{0}/bias:0"},
    }
    with h5py.File(path, "w") as file:
        root = file.create_group(inside) if inside else file
        root.attrs["layer_names"] = [name.encode() for name in ("input_1", *params, "extra_pool")]
        for empty in ("input_1", "extra_pool"):
            root.create_group(empty).attrs["weight_names"] = np.array([], "S1")
        for layer, roles in params.items():
            names = [styles[style][role].format(layer) for role in roles]
            group = root.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, values in zip(names, roles.values(), strict=True):
                group[name] = values
    return path


@pytest.mark.parametrize("inside", [None, "model_weights"])
@pytest.mark.parametrize("style", [1, 2])
def test_legacy_styles(tmp_path, params, config, style, inside):
    path = write_legacy(tmp_path / "weights", params, style, inside)
    found, found_config = to_parameters(read_weights(path))
    assert_equal(found, params)
    assert found_config == config


@pytest.mark.parametrize("style", [1, 2])
def test_legacy_without_top(tmp_path, style):
    config = VGGConfig(widths=(4, 4, 6, 6, 8), top=False)
    params = make_params(config)
    found, found_config = to_parameters(read_weights(write_legacy(tmp_path / "w", params, style)))
    assert_equal(found, params)
    assert found_config == config


def test_keras_3_before_layer_names(tmp_path, keras_files, params):
    """Earlier versions of Keras 3 noted no names, and kept layers in a longer folder."""
    path = tmp_path / "old.weights.h5"
    with h5py.File(keras_files["named.weights.h5"]) as new, h5py.File(path, "w") as old:
        new.copy(new["layers"], old, "_layer_checkpoint_dependencies")
        old["optimizer/vars/0"] = np.ones((3, 3, 3, 4), "f4")
        old["_layer_checkpoint_dependencies/dropout/seed/vars/0"] = np.ones(2, "u4")
        for layer in old["_layer_checkpoint_dependencies"].values():
            if "vars" in layer:
                layer["vars"].attrs.clear()
    assert_equal(to_parameters(read_weights(path))[0], params)


def test_half_precision(tmp_path, params):
    halved = {
        layer: {role: values.astype("f2") for role, values in roles.items()}
        for layer, roles in params.items()
    }
    found, _ = to_parameters(read_weights(write_legacy(tmp_path / "half.h5", halved, 2)))
    np.testing.assert_array_equal(found["fc1"]["kernel"], params["fc1"]["kernel"].astype("f2"))


def test_bfloat16_by_keras(tmp_path):
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, dtype="bfloat16")])
    with keras_may_warn():
        model.save_weights(tmp_path / "b.weights.h5")
        expected = np.asarray(model.get_weights()[0], "f4")
    (kernel, _) = read_weights(tmp_path / "b.weights.h5").tensors.values()
    np.testing.assert_array_equal(kernel.astype("f4"), expected)


def test_claimed_but_not_held(tmp_path):
    path = tmp_path / "sparse.weights.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("layers/dense/vars/0", (10**6, 10**6), "f4", chunks=(1000, 1000))
    with pytest.raises(WeightsError, match="claims 4,000,000,000,000 bytes"):
        read_weights(path)


@pytest.mark.parametrize("way", ["link", "storage", "virtual"])
def test_reference_to_another_file(tmp_path, way):
    other, path = tmp_path / "other.h5", tmp_path / "refers.h5"
    with h5py.File(other, "w") as file:
        file["secret"] = np.ones((2, 3), "f4")
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        group = file.create_group("dense")
        group.attrs["weight_names"] = [b"kernel"]
        if way == "link":
            group["kernel"] = h5py.ExternalLink(str(other), "secret")
        elif way == "storage":
            group.create_dataset("kernel", (2, 3), "f4", external=[(str(other), 0, 24)])
        else:
            layout = h5py.VirtualLayout((2, 3), "f4")
            layout[:] = h5py.VirtualSource(str(other), "secret", (2, 3))
            group.create_virtual_dataset("kernel", layout)
    with pytest.raises(WeightsError, match="refers to another file"):
        read_weights(path)


def test_compressed_archive(tmp_path, keras_files):
    path = tmp_path / "packed.keras"
    with (
        zipfile.ZipFile(keras_files["named.keras"]) as old,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        new.writestr("model.weights.h5", old.read("model.weights.h5"))
    with pytest.raises(WeightsError, match="compressed"):
        read_weights(path)


def test_hdf5_without_weights(tmp_path):
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["numbers"] = np.arange(3.0)
    with pytest.raises(WeightsError, match="without Keras weights"):
        read_weights(tmp_path / "data.h5")
