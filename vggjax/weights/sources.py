"""Weights by name: ImageNet's from Keras or torchvision, the demo's, random ones, or a path."""

import sys
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np

from vggjax.errors import WeightsError, shown
from vggjax.files import user_path
from vggjax.model import Chain
from vggjax.model.config import Preprocessing, VGGConfig, parameter_shapes
from vggjax.weights.checkpoint import DamageError
from vggjax.weights.formats import weight_file
from vggjax.weights.importer import Weights, import_weights
from vggjax.weights.info import Layers, WeightsInfo, digest_layers, parameter_layers
from vggjax.weights.remote import REMOTES, obtain, obtain_anew, stored, title_of
from vggjax.weights.store import is_store, load_info, load_parameters

NAMES = (*REMOTES, "demo", "random")


def load_weights(
    name: str,
    layers: Layers = None,
    *,
    seed: int = 0,
    config: VGGConfig | None = None,
    preprocessing: Preprocessing | None = None,
) -> Weights:
    """The weights called `name` (one of `NAMES`), or those in the store or weight file at a path.

    Only what the deepest of `layers` needs is fetched, read or drawn (everything if None).
    ImageNet's are downloaded and converted once, then read from the cache; "imagenet" and
    "imagenet-notop" have the same convolutions, are both called "imagenet", and each serves the
    other where no dense layer is needed. `seed` and `config` (VGG16 by default) are for "random"
    alone; all others bring their own configuration. `preprocessing` replaces what a path's is; of
    a weight file, stderr says what was assumed, folded and left out.

    Raises WeightsError if they are not there, damaged, of another architecture or can't be
    downloaded, and LayerError, before a download, if the network lacks one of the layers.

    >>> info, params = load_weights("demo", "block1_pool")
    >>> info.name, list(params)
    ('demo', ['block1_conv1', 'block1_conv2'])
    """
    if preprocessing and name in NAMES:
        raise WeightsError(f"What {name} expects of images is known; --preprocessing is for files.")
    if name == "random":
        return _random(config or VGGConfig(), layers, seed)
    if name in REMOTES:
        return _fetched(name, layers)
    path = _find(name)
    if not is_store(path):
        return _said(name, import_weights(path, preprocessing=preprocessing, layers=layers))
    return _read(name, path, layers, preprocessing)


def load_vgg(
    name: str = "imagenet",
    until: str | None = None,
    *,
    seed: int = 0,
    config: VGGConfig | None = None,
    preprocessing: Preprocessing | None = None,
) -> Chain:
    """The network called `name`, as a chain of layers up to `until`; see `load_weights`.

    It maps RGB images in 0–255, (B, size, size, 3), to the output of that layer. The demo's network
    is a narrow VGG16; a file brings its own configuration.

    >>> load_vgg("demo", until="block5_pool").names[-3:]
    ('block5_conv2', 'block5_conv3', 'block5_pool')
    """
    weights = load_weights(name, until, seed=seed, config=config, preprocessing=preprocessing)
    return weights.chain(until)


def weights_identity(
    name: str, layers: Layers = None, preprocessing: Preprocessing | None = None
) -> str | None:
    """`Weights.hash` of what `load_weights(name, layers)` would read now: the same content, the
    same text, whatever it is called; "random" for random weights.

    Takes no time for stored weights, of which only the description is read; a weight file is read
    whole. None if the weights would have to be fetched first. Raises WeightsError if they are not
    there or damaged, and LayerError if the network lacks one of the layers.
    """
    if name == "random":
        return name
    path = stored(name, layers) if name in REMOTES else _find(name)
    if path is None:
        return None
    if is_store(path):
        try:
            info = _preprocessed(_described(name, path), preprocessing)
        except DamageError:
            if name in REMOTES:
                return None
            raise
    else:
        info = import_weights(path, preprocessing=preprocessing, layers=layers).info
    return info.identity(parameter_layers(info.config, layers))


def demo_config() -> VGGConfig:
    """The configuration of the demo network; WeightsError if its weights are not there."""
    return load_info(_find("demo")).config


def demo_folder() -> Path:
    """Where the demo weights are: in the installed package, or in the checkout around it."""
    here = Path(__file__).parent
    installed, checkout = here / "demo", here.parents[1] / "weights" / "demo"
    return installed if installed.is_dir() else checkout


def _fetched(name: str, layers: Layers) -> Weights:
    """The weights of a name in `REMOTES`; a store of them that is damaged is made anew."""
    store = obtain(name, layers)
    try:
        return _read(name, store, layers)
    except DamageError as damage:
        return _read(name, obtain_anew(store, damage), layers)


def _read(
    name: str, store: Path, layers: Layers, preprocessing: Preprocessing | None = None
) -> Weights:
    info = _preprocessed(_described(name, store), preprocessing)
    return Weights(info, load_parameters(store, parameter_layers(info.config, layers)))


def _find(name: str) -> Path:
    """The demo's store, or the store or weight file at a path."""
    if name == "demo":
        if not is_store(demo_folder()):
            raise WeightsError(
                "The demo weights are not here; train them with "
                "`python experiments/pretrain_demo.py`."
            )
        return demo_folder()
    path = user_path(name)
    stored_there = is_store(path)
    if not path.exists():
        raise WeightsError(f"There are no weights {name}; name {', '.join(NAMES)}, or a path.")
    if path.is_dir() and not stored_there and weight_file(path) == path:
        raise WeightsError(f"{path} is not a folder of stored weights.")
    return path


def _described(name: str, store: Path) -> WeightsInfo:
    """A store's description; of a name in `REMOTES` the network that it stands for."""
    info = load_info(store)
    if name not in REMOTES:
        return info
    notes = {key: text for key, text in info.notes.items() if key != "assumed"}  # it is known
    return replace(info, name=title_of(name), config=REMOTES[name].config, notes=notes)


def _said(name: str, weights: Weights) -> Weights:
    """The weights of a file, and on stderr what of it is assumed, folded or left out."""
    notes = {key: text for key, text in weights.info.notes.items() if key != "format"}
    if notes:
        words = "; ".join(f"{key} {shown(text)}" for key, text in notes.items())
        print(f"Weights {name}: {words}", file=sys.stderr)
    return weights


def _preprocessed(info: WeightsInfo, preprocessing: Preprocessing | None) -> WeightsInfo:
    config = replace(info.config, preprocessing=preprocessing or info.config.preprocessing)
    return replace(info, config=config)


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
