"""Weights on the network: which file holds what is asked for, and where it may be already."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from vggjax import download
from vggjax.claims import claimed, remove
from vggjax.errors import VggjaxError, WeightsError
from vggjax.files import cache_folder, cache_named, user_path
from vggjax.interrupts import keeping
from vggjax.model.config import DEPTHS, VGGConfig, parameter_shapes
from vggjax.weights.checkpoint import DamageError
from vggjax.weights.importer import convert_file
from vggjax.weights.info import Layers, parameter_layers
from vggjax.weights.store import is_store, verify


@dataclass(frozen=True)
class Remote:
    """A weight file on the network: its address, size in bytes and (the start of its) checksum."""

    url: str
    size: int
    known_hash: str
    config: VGGConfig

    @property
    def file_name(self) -> str:
        """What the file is called, here and where Keras keeps it."""
        return self.url.rpartition("/")[2]


_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
_TORCH = "https://download.pytorch.org/models"
_VGG19 = VGGConfig(depths=DEPTHS[16])
# torchvision's networks of 8, 10, 13 and 16 convolutions: name, the digits of its SHA-256 that
# stand in the file's name, which are all that is published, and its size in MiB.
_TORCHVISION = {
    "vgg11-torch": (8, "vgg11", "8a719046", 506.84),
    "vgg11_bn-torch": (8, "vgg11_bn", "6002323d", 506.881),
    "vgg13-torch": (10, "vgg13", "19584684", 507.545),
    "vgg13_bn-torch": (10, "vgg13_bn", "abd245e5", 507.59),
    "vgg16_bn-torch": (13, "vgg16_bn", "6c64b313", 527.866),
    "vgg19-torch": (16, "vgg19", "dcbb9e9d", 548.051),
    "vgg19_bn-torch": (16, "vgg19_bn", "c79401a0", 548.143),
}
REMOTES = {
    "imagenet": Remote(
        f"{_KERAS}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5",
        553_467_096,
        "md5:64373286793e3c8b2b4e3219cbf3544b",
        VGGConfig(),
    ),
    "imagenet-notop": Remote(
        f"{_KERAS}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        58_889_256,
        "md5:6d6bbae143d832006294945121d1f1fc",
        VGGConfig(top=False),
    ),
    "imagenet-torch": Remote(
        f"{_TORCH}/vgg16-397923af.pth",
        553_433_881,
        "sha256:397923af",
        VGGConfig(preprocessing="torch"),
    ),
    "vgg19": Remote(
        f"{_KERAS}/vgg19/vgg19_weights_tf_dim_ordering_tf_kernels.h5",
        574_710_816,
        "md5:cbe5617147190e668d6c5d5026f83318",
        _VGG19,
    ),
    "vgg19-notop": Remote(
        f"{_KERAS}/vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        80_134_624,
        "md5:253f8cb515780f3b799900260a226db6",
        replace(_VGG19, top=False),
    ),
    **{
        name: Remote(
            f"{_TORCH}/{file}-{digits}.pth",
            round(size * 2**20),
            f"sha256:{digits}",
            VGGConfig(depths=DEPTHS[count], preprocessing="torch"),
        )
        for name, (count, file, digits, size) in _TORCHVISION.items()
    },
}
# The second file of each holds the first one's convolutions.
_SAME = (("imagenet", "imagenet-notop"), ("vgg19", "vgg19-notop"))


def title_of(name: str) -> str:
    """What the weights called `name` are called in titles: the same for the same weights.

    >>> title_of("imagenet-notop"), title_of("demo")
    ('imagenet', 'demo')
    """
    return _same(name)[0]


def stored(name: str, layers: Layers = None) -> Path | None:
    """The store in the cache with all that `layers` of a name in `REMOTES` need, if there is one.

    That of the whole network comes first. Raises LayerError for a layer that the network lacks.
    """
    stores = [store_folder(holder) for holder in reversed(_holders(name, layers))]
    return next(filter(is_store, stores), None)


def obtainable(name: str, layers: Layers = None) -> bool:
    """Whether `obtain` would find the weights on this machine, or the network answers."""
    holders = _holders(name, layers)
    if stored(name, layers) or any(_files_here(holders)):
        return True
    return download.url_reachable(REMOTES[holders[0]].url)


def obtain(name: str, layers: Layers = None) -> Path:
    """A store with all that `layers` of a name in `REMOTES` need.

    Where none is in the cache, a weight file that is on this machine already is converted into one,
    else the smallest that suffices is downloaded; of several processes, one does that. Raises
    WeightsError if that fails, and LayerError, before anything else, for a layer that the network
    lacks.
    """
    store = stored(name, layers)
    if store is None:
        with _one_at_a_time(name):
            store = stored(name, layers) or _made(_holders(name, layers))
    file = _own_file(REMOTES[store.name])
    if file.exists() or download.part_of(file).exists():  # left when a process was killed
        with suppress(VggjaxError), _one_at_a_time(name):
            download.remove_fetched(file, REMOTES[store.name].known_hash)
    return store


def obtain_anew(store: Path, damage: DamageError) -> Path:
    """Make a store in the cache once more that turned out to be damaged; stderr says so.

    The damaged one stays until the new is there. Raises WeightsError if that fails.
    """
    print(f"{damage} As it is in the cache, it is made anew.", file=sys.stderr)
    with _one_at_a_time(store.name):
        if _is_damaged(store):  # and no other process was faster
            _made([store.name])
    return store


def store_folder(name: str) -> Path:
    """Where the converted weights of a name in `REMOTES` are kept."""
    return cache_folder() / "weights" / name


def _holders(name: str, layers: Layers) -> list[str]:
    """The names of the files with all that `layers` of `name` need, the smallest first."""
    needed = set(parameter_layers(REMOTES[name].config, layers))
    holders = [one for one in _same(name) if needed <= parameter_shapes(REMOTES[one].config).keys()]
    return sorted(holders, key=lambda one: REMOTES[one].size)


def _same(name: str) -> tuple[str, ...]:
    """The names of the files with the same convolutions, the whole network first."""
    return next((names for names in _SAME if name in names), (name,))


def _files_here(holders: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Whole weight files that are on this machine: left from a download, or Keras' own."""
    for holder in holders:
        remote = REMOTES[holder]
        for file in (_own_file(remote), *_keras_file(remote)):
            if file.is_file() and download.has_hash(file, remote.known_hash):
                yield holder, file


def _own_file(remote: Remote) -> Path:
    return cache_folder() / "downloads" / remote.file_name


def _keras_file(remote: Remote) -> list[Path]:
    """Where Keras keeps it, if it has downloaded it; nowhere for a user without a home."""
    with suppress(VggjaxError):
        return [user_path(os.environ.get("KERAS_HOME") or "~/.keras") / "models" / remote.file_name]
    return []


@contextmanager
def _one_at_a_time(name: str) -> Iterator[None]:
    """A block that only one process enters at a time, for all files of the same network."""
    place = cache_folder() / "weights" / f"{title_of(name)}-file"  # a store has a claim of its own
    with cache_named(place), claimed(place):
        yield


def _made(holders: Sequence[str]) -> Path:
    """A store made of a file that is here, or else of the first of the `holders`, downloaded."""
    for holder, file in _files_here(holders):
        print(f"Reading {file}, so nothing is downloaded", file=sys.stderr)
        return _converted(holder, file)
    remote = REMOTES[holders[0]]
    try:
        file = download.download(remote.url, _own_file(remote), remote.known_hash, remote.size)
    except VggjaxError as error:
        raise WeightsError(
            f"The weights {title_of(holders[0])} could not be fetched: {error}"
        ) from error
    return _converted(holders[0], file)


def _converted(name: str, file: Path) -> Path:
    """The store made of a weight file, which goes afterwards if it was downloaded for that."""
    remote, folder = REMOTES[name], store_folder(name)
    if folder.exists() and not is_store(folder):
        print(f"{folder} isn't whole and is made anew", file=sys.stderr)
        remove(folder)
    with keeping(lambda: f"the file {file} is kept"):
        convert_file(file, folder, name, source=remote.url, overwrite=True)
    if file == _own_file(remote):
        file.unlink()
    return folder


def _is_damaged(store: Path) -> bool:
    try:
        verify(store)
    except DamageError:
        return True
    return False
