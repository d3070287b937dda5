"""Weights by name: ImageNet's from Keras or torchvision, the demo's, random ones, or a path."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np

from vggjax.download import download
from vggjax.errors import VggjaxError, WeightsError
from vggjax.files import cache_folder
from vggjax.model import Chain
from vggjax.model.config import VGGConfig, parameter_shapes
from vggjax.model.vgg import deepest_layer, table_until
from vggjax.weights.importer import Weights, convert_file, import_weights
from vggjax.weights.info import WeightsInfo, digest_layers, file_sha256
from vggjax.weights.store import is_store, load_info, load_parameters

Layers = str | Collection[str] | None  # a name, several, or all


@dataclass(frozen=True)
class Remote:
    """A weight file on the network: its address, size in bytes and (the start of its) checksum."""

    url: str
    size: int
    known_hash: str
    config: VGGConfig


_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/vgg16"
REMOTES = {
    "imagenet": Remote(
        f"{_KERAS}/vgg16_weights_tf_dim_ordering_tf_kernels.h5",
        553_467_096,
        "md5:64373286793e3c8b2b4e3219cbf3544b",
        VGGConfig(),
    ),
    "imagenet-notop": Remote(
        f"{_KERAS}/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        58_889_256,
        "md5:6d6bbae143d832006294945121d1f1fc",
        VGGConfig(top=False),
    ),
    "imagenet-torch": Remote(
        "https://download.pytorch.org/models/vgg16-397923af.pth",
        553_433_881,
        "sha256:397923af",  # the digits in its name are all that torchvision publishes
        VGGConfig(preprocessing="torch"),
    ),
}
NAMES = (*REMOTES, "demo", "random")


def load_weights(
    name: str,
    layers: Layers = None,
    *,
    seed: int = 0,
    config: VGGConfig | None = None,
) -> Weights:
    """The weights called `name` (one of `NAMES`), or those in the store or weight file at a path.

    Only what the deepest of `layers` needs is read or drawn (everything if None). ImageNet's are
    downloaded and converted once, then read from the cache. `seed` and `config` (VGG16 by default)
    are for "random" alone; all others bring their own configuration.

    Raises WeightsError if they are not there, damaged, of another architecture or can't be
    downloaded, and LayerError if the network lacks one of the layers.

    >>> info, params = load_weights("demo", "block1_pool")
    >>> info.name, list(params)
    ('demo', ['block1_conv1', 'block1_conv2'])
    """
    if name == "random":
        return _random(config or VGGConfig(), layers, seed)
    path = _find(name, layers)
    if is_store(path):
        info = load_info(path)
        return Weights(info, load_parameters(path, parameter_layers(info.config, layers)))
    info, params = import_weights(path)
    return Weights(info, {layer: params[layer] for layer in parameter_layers(info.config, layers)})


def load_vgg(
    name: str = "imagenet",
    until: str | None = None,
    *,
    seed: int = 0,
    config: VGGConfig | None = None,
) -> Chain:
    """The network called `name`, as a chain of layers up to `until`; see `load_weights`.

    It maps RGB images in 0–255, (B, size, size, 3), to the output of that layer. The demo's network
    is a narrow VGG16; a file brings its own configuration.

    >>> load_vgg("demo", until="block5_pool").names[-3:]
    ('block5_conv2', 'block5_conv3', 'block5_pool')
    """
    return load_weights(name, until, seed=seed, config=config).chain(until)


def weights_identity(name: str, layers: Layers = None) -> str | None:
    """What `load_weights(name, layers)` would read now, as a short text that changes with it.

    Takes no time for stored weights, of which only the description is read. None if they would
    have to be fetched first. Raises WeightsError if they are not there or damaged.
    """
    if name == "random":
        return "random"
    if name in REMOTES and not is_store(_folder_of(name)):
        return None
    path = _find(name, layers)
    if not is_store(path):
        return file_sha256(path)
    info = load_info(path)
    digests = [info.digests.get(layer) for layer in parameter_layers(info.config, layers)]
    return hashlib.sha256(json.dumps([info.config.to_json(), digests]).encode()).hexdigest()


def parameter_layers(config: VGGConfig, layers: Layers = None) -> tuple[str, ...]:
    """The layers with parameters until the deepest of `layers`; LayerError for an unknown one."""
    named = [layers] if isinstance(layers, str) else layers
    until = None if named is None else deepest_layer(config, named)
    return tuple(layer.name for layer in table_until(config, until) if layer.kernel)


def demo_config() -> VGGConfig:
    """The configuration of the demo network; WeightsError if its weights are not there."""
    return load_info(_find("demo")).config


def demo_folder() -> Path:
    """Where the demo weights are: in the installed package, or in the checkout around it."""
    here = Path(__file__).parent
    installed, checkout = here / "demo", here.parents[1] / "weights" / "demo"
    return installed if installed.is_dir() else checkout


def _find(name: str, layers: Layers = None) -> Path:
    if name in REMOTES:
        parameter_layers(REMOTES[name].config, layers)  # a wrong layer shows before a download
        return _cached(name)
    if name == "demo":
        if not is_store(demo_folder()):
            raise WeightsError(
                "The demo weights are not here; train them with "
                "`python experiments/pretrain_demo.py`."
            )
        return demo_folder()
    path = Path(name).expanduser()
    if not path.exists():
        raise WeightsError(f"There are no weights {name}; name {', '.join(NAMES)}, or a path.")
    if path.is_dir() and not is_store(path):
        raise WeightsError(f"{path} is not a folder of stored weights.")
    return path


def _random(config: VGGConfig, layers: Layers, seed: int) -> Weights:
    """He-normal kernels (standard deviation sqrt(2 / inputs), arXiv 1502.01852) and zero biases.

    Each layer is drawn from (seed, its name) alone, whatever else is drawn. Raises WeightsError for
    a negative seed.
    """
    if seed < 0:
        raise WeightsError(f"The seed of random weights must be 0 or more, not {seed}.")
    params, shapes = {}, parameter_shapes(config)
    for name in parameter_layers(config, layers):
        shape = shapes[name]["kernel"]
        generator = np.random.default_rng([seed, crc32(name.encode())])
        kernel = generator.standard_normal(shape, dtype=np.float32)
        kernel *= np.float32(np.sqrt(2 / np.prod(shape[:-1])))
        params[name] = {"kernel": kernel, "bias": np.zeros(shape[-1:], np.float32)}
    source = f"He-normal, seed {seed}"
    return Weights(WeightsInfo("random", source, "", config, digest_layers(params)), params)


def _cached(name: str) -> Path:
    """The converted store of a remote file; the file itself goes once it has been converted."""
    folder = _folder_of(name)
    if is_store(folder):
        return folder
    remote = REMOTES[name]
    file = cache_folder() / "downloads" / remote.url.rpartition("/")[2]
    try:
        download(remote.url, file, remote.known_hash, remote.size)
    except VggjaxError as error:
        raise WeightsError(f"The weights {name} could not be fetched: {error}") from error
    convert_file(file, folder, name, source=remote.url)
    file.unlink(missing_ok=True)
    return folder


def _folder_of(name: str) -> Path:
    return cache_folder() / "weights" / name
