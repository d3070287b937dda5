"""Weights by name: ImageNet's from Keras or torchvision, the demo's, random ones, or a path."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from vggjax.errors import VggjaxError, WeightsError
from vggjax.files import cache_folder
from vggjax.model import Chain
from vggjax.model.config import VGGConfig
from vggjax.model.vgg import table_until
from vggjax.network import download
from vggjax.weights.importer import Weights, convert_file, import_weights
from vggjax.weights.info import WeightsInfo, digest_layers, file_sha256
from vggjax.weights.random_init import random_parameters
from vggjax.weights.store import is_store, load_info, load_parameters


@dataclass(frozen=True)
class Remote:
    """A weight file on the network: its address, size in bytes and (the start of its) checksum."""

    url: str
    size: int
    known_hash: str


_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/vgg16"
REMOTES = {
    "imagenet": Remote(
        f"{_KERAS}/vgg16_weights_tf_dim_ordering_tf_kernels.h5",
        553_467_096,
        "md5:64373286793e3c8b2b4e3219cbf3544b",
    ),
    "imagenet-notop": Remote(
        f"{_KERAS}/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        58_889_256,
        "md5:6d6bbae143d832006294945121d1f1fc",
    ),
    "imagenet-torch": Remote(
        "https://download.pytorch.org/models/vgg16-397923af.pth",
        553_433_881,
        "sha256:397923af",  # the digits in its name are all that torchvision publishes
    ),
}
NAMES = (*REMOTES, "demo", "random")


def load_weights(
    name: str, until: str | None = None, *, seed: int = 0, config: VGGConfig | None = None
) -> Weights:
    """The weights called `name` (one of `NAMES`), or those in the store or weight file at a path.

    Only the layers up to and including `until` are read or drawn (all if None). ImageNet's are
    downloaded and converted once, then read from the cache. `seed` and `config` (VGG16 by default)
    are for "random" alone; all others bring their own configuration.

    Raises WeightsError if they are not there, damaged, of another architecture or can't be
    downloaded, and LayerError if the network has no layer `until`.
    """
    if name == "random":
        return _random(config or VGGConfig(), until, seed)
    path = _find(name)
    if is_store(path):
        info = load_info(path)
        return Weights(info, load_parameters(path, parameter_layers(info.config, until)))
    info, params = import_weights(path)
    layers = parameter_layers(info.config, until)
    return Weights(info, {layer: params[layer] for layer in layers})


def load_vgg16(
    name: str = "imagenet",
    until: str | None = None,
    *,
    seed: int = 0,
    config: VGGConfig | None = None,
) -> Chain:
    """The network called `name`, as a chain of layers up to `until`; see `load_weights`.

    It maps RGB images in 0–255, (B, size, size, 3), to the output of that layer. Despite the name
    it may be another VGG: the demo's is a narrow one, and a file brings its own configuration.
    """
    return load_weights(name, until, seed=seed, config=config).chain(until)


def weights_identity(name: str, until: str | None = None) -> str | None:
    """What `load_weights(name, until)` would read now, as a short text that changes with it.

    Takes no time for stored weights, of which only the description is read. None if they would
    have to be fetched first. Raises WeightsError if they are not there or damaged.
    """
    if name == "random":
        return "random"
    if name in REMOTES and not is_store(_folder_of(name)):
        return None
    path = _find(name)
    if not is_store(path):
        return file_sha256(path)
    info = load_info(path)
    digests = [info.digests.get(layer) for layer in parameter_layers(info.config, until)]
    return hashlib.sha256(json.dumps([info.config.to_json(), digests]).encode()).hexdigest()


def parameter_layers(config: VGGConfig, until: str | None = None) -> tuple[str, ...]:
    """The layers with parameters up to and including `until`; LayerError if there is no `until`."""
    return tuple(layer.name for layer in table_until(config, until) if layer.kernel)


def demo_config() -> VGGConfig:
    """The configuration of the demo network; WeightsError if its weights are not there."""
    return load_info(_find("demo")).config


def demo_folder() -> Path:
    """Where the demo weights are: in the installed package, or in the checkout around it."""
    here = Path(__file__).parent
    installed, checkout = here / "demo", here.parents[1] / "weights" / "demo"
    return installed if installed.is_dir() else checkout


def _find(name: str) -> Path:
    if name in REMOTES:
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


def _random(config: VGGConfig, until: str | None, seed: int) -> Weights:
    params = random_parameters(config, parameter_layers(config, until), seed)
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
