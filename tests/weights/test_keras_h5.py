import zipfile

import h5py
import numpy as np
import pytest
from weights_helpers import CONFIG, assert_read, parameters, write_legacy

from vggjax.errors import WeightsError
from vggjax.model.config import VGGConfig
from vggjax.weights.formats import read_weights

WITHOUT_TOP = VGGConfig(widths=CONFIG.widths, top=False)


@pytest.mark.parametrize("kind", [".keras", ".h5", ".weights.h5"])
@pytest.mark.parametrize("names", ["named", "unnamed"])
def test_keras_3_files(keras_files, params, config, names, kind):
    assert_read(keras_files[names + kind], params, config)


@pytest.mark.parametrize("inside", [None, "model_weights"])
@pytest.mark.parametrize("style", [1, 2])
@pytest.mark.parametrize("config", [CONFIG, WITHOUT_TOP], ids=["top", "no top"])
def test_legacy_styles(tmp_path, random_tree, config, style, inside):
    params = random_tree(config)
    assert_read(write_legacy(tmp_path / "weights", params, style, inside), params, config)


def test_keras_3_before_layer_names(tmp_path, keras_files, params, config):
    """Earlier versions of Keras 3 noted no names, and kept layers in a longer folder."""
    path = tmp_path / "old.weights.h5"
    with h5py.File(keras_files["named.weights.h5"]) as new, h5py.File(path, "w") as old:
        new.copy(new["layers"], old, "_layer_checkpoint_dependencies")
        old["optimizer/vars/0"] = np.ones((3, 3, 3, 4), "f4")
        old["_layer_checkpoint_dependencies/dropout/seed/vars/0"] = np.ones(2, "u4")
        for layer in old["_layer_checkpoint_dependencies"].values():
            if "vars" in layer:
                layer["vars"].attrs.clear()
    assert_read(path, params, config)


def test_half_precision(tmp_path, params):
    halved = {
        layer: {role: values.astype("f2") for role, values in roles.items()}
        for layer, roles in params.items()
    }
    found = parameters(read_weights(write_legacy(tmp_path / "half.h5", halved, 2)))
    np.testing.assert_array_equal(found["fc1"]["kernel"], params["fc1"]["kernel"].astype("f2"))


def test_bfloat16_by_keras(tmp_path):
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, dtype="bfloat16")])
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


@pytest.mark.parametrize("kind", ["link", "storage", "virtual"])
def test_reference_to_another_file(tmp_path, kind):
    other, path = tmp_path / "other.h5", tmp_path / "refers.h5"
    with h5py.File(other, "w") as file:
        file["secret"] = np.ones((2, 3), "f4")
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        group = file.create_group("dense")
        group.attrs["weight_names"] = [b"kernel"]
        if kind == "link":
            group["kernel"] = h5py.ExternalLink(str(other), "secret")
        elif kind == "storage":
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
