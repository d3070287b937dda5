"""Weight files of a tiny VGG, each written by the library whose format it is."""

from pathlib import Path

import pytest
from weights_helpers import CONFIG, keras_vgg, torch_state

from vggjax.weights.info import WeightsInfo, digest_layers


@pytest.fixture(scope="session")
def config():
    return CONFIG


@pytest.fixture(scope="session")
def params(random_tree):
    return random_tree(CONFIG)


@pytest.fixture(scope="session")
def state(params):
    return torch_state(params, CONFIG)


@pytest.fixture
def info(params, config):
    return WeightsInfo("tiny", "tiny.h5", "ab" * 32, config, digest_layers(params), {"by": "hand"})


@pytest.fixture(scope="session")
def keras_files(params, config, tmp_path_factory) -> dict[str, Path]:
    """The same network written by Keras 3 in each of its formats, with and without our names."""
    folder = tmp_path_factory.mktemp("keras")
    files = {}
    for label, named in (("named", True), ("unnamed", False)):
        model = keras_vgg(config, named)
        model.set_weights([values for roles in params.values() for values in roles.values()])
        for ending in (".keras", ".weights.h5", ".h5"):
            files[label + ending] = folder / (label + ending)
            save = model.save_weights if ending == ".weights.h5" else model.save
            save(files[label + ending])
    return files


@pytest.fixture(scope="session")
def torch_files(state, tmp_path_factory) -> dict[str, Path]:
    """The same network written by PyTorch in each of its formats."""
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("torch")
    tensors = {name: torch.from_numpy(values.copy()) for name, values in state.items()}
    files = {kind: folder / f"{kind}.pth" for kind in ("zip", "legacy", "safetensors")}
    torch.save(tensors, files["zip"])
    torch.save(tensors, files["legacy"], _use_new_zipfile_serialization=False)
    save_file(tensors, files["safetensors"])
    return files
