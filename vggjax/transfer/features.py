"""The frozen part of a network, run once per image, ever."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Protocol

import jax
import numpy as np
from flax import nnx
from tqdm import tqdm

from vggjax.collective import fail_together, is_first, own
from vggjax.files import cache_folder
from vggjax.model import Chain, freeze, output_shape
from vggjax.transfer.cache import Features, FeatureStore
from vggjax.transfer.devices import device_batches, host_rows, local_mesh, replicated
from vggjax.transfer.digest import chain_digest
from vggjax.transfer.examples import Examples
from vggjax.transfer.exchange import content_keys, exchanged, missing_everywhere
from vggjax.transfer.step import forward_step


class Images(Protocol):
    """Images that can be named by their content, such as `vggjax.data.ImageArray`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, size, size, 3)."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, indices: Any) -> np.ndarray: ...

    def keys(self) -> np.ndarray:
        """A key of 32 bytes per image, (N, 32) uint8, equal only for equal pixels."""
        ...

    def subset(self, indices: np.ndarray) -> "Images":
        """The images at `indices`; asked for where several processes share the work."""
        ...


def extract(
    backbone: Chain,
    images: Images,
    *,
    batch_size: int | None = None,
    cache: Path | None = None,
    dtype: Any = np.float32,
) -> Features:
    """The output of `backbone` for each image, as `Features` (N, …) that live on disk.

    `images` are (N, size, size, 3) uint8 RGB. Rows found in the cache (`cache`, by default
    `features` in `vggjax.files.cache_folder()`) are not computed again: they are named by a hash
    of the chain, weights and preprocessing included, and of the image. The rest is computed batch
    by batch, so that memory doesn't grow with the number of images; `batch_size` is by default what
    fills the devices. `dtype` is how they are kept.
    Several processes, which must call this together, share the images; each uses all its devices.
    """
    last = backbone.names[-1]
    return extract_layers(
        backbone, [last], images, batch_size=batch_size, cache=cache, dtype=dtype
    )[last]


def extract_layers(
    backbone: Chain,
    layers: Sequence[str],
    images: Images,
    *,
    batch_size: int | None = None,
    cache: Path | None = None,
    dtype: Any = np.float32,
) -> dict[str, Features]:
    """The outputs of several `layers` of `backbone`, `{layer: Features}`, from one pass (C5).

    Each layer's features are those that `extract(backbone.until(layer), images)` gives, and are
    found where it would find them. Only images that some layer lacks are computed, until the
    deepest layer that lacks one; otherwise as `extract`. Raises LayerError for an unknown layer.
    """
    stores = {
        name: open_store(backbone.until(name), images.shape[1:], cache, dtype)
        for name in sorted(set(layers), key=backbone.position)
    }
    keys = content_keys(images)
    todo = {name: own(missing_everywhere(store, keys)) for name, store in stores.items()}
    about = {name: _about(backbone.until(name), dtype) for name in stores}
    with fail_together():
        _fill(backbone, images, keys, stores, todo, about, batch_size or _default_batch())
    return {
        name: exchanged(store, keys, about[name]).select(keys) for name, store in stores.items()
    }


def open_store(
    backbone: Chain, image_shape: tuple[int, ...], cache: Path | None, dtype: Any
) -> FeatureStore:
    """The store that holds `backbone`'s features, in a folder named by its hash."""
    dtype = np.dtype(dtype)
    row_shape = output_shape(backbone, image_shape, np.uint8)
    size = "x".join(map(str, row_shape))
    name = f"{backbone.names[-1]}-{size}-{dtype.name}-{chain_digest(backbone)[:32]}"
    return FeatureStore((cache or cache_folder() / "features") / name, row_shape, dtype)


def _default_batch() -> int:
    """Images at a time: on a CPU the dense layers' share is small from 32 on, others want more."""
    return 32 if jax.default_backend() == "cpu" else 256 * jax.local_device_count()


def _about(chain: Chain, dtype: Any) -> dict[str, str]:
    return {"layers": " → ".join(chain.names), "dtype": str(dtype)}


def _fill(
    backbone: Chain,
    images: Images,
    keys: np.ndarray,
    stores: dict[str, FeatureStore],
    todo: dict[str, np.ndarray],
    about: dict[str, dict[str, str]],
    batch_size: int,
) -> None:
    """Add to each of the `stores` the images `todo` (indices) that it lacks, from one pass."""
    lacking = {name: indices for name, indices in todo.items() if len(indices)}
    if not lacking:
        return
    union = np.unique(np.concatenate(list(lacking.values())))
    done = 0
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(closing(stores[name].writer(keys[indices], about[name])))
            for name, indices in lacking.items()
        }
        for outputs in _outputs(backbone, tuple(lacking), images, union, batch_size):
            batch = union[done : done + batch_size]
            done += len(batch)
            for name, rows in outputs.items():
                writers[name].write(rows[np.isin(batch, lacking[name], assume_unique=True)])


class Activations(nnx.Module):
    """A chain's outputs at several layers, as a module of its own: (B, …) → {layer: (B, …)}."""

    def __init__(self, chain: Chain, layers: tuple[str, ...]):
        self.chain = chain
        self.layers = layers

    def __call__(self, x: jax.Array) -> dict[str, jax.Array]:
        return self.chain.activations(x, self.layers)


def _outputs(
    backbone: Chain, layers: tuple[str, ...], images: Images, todo: np.ndarray, batch_size: int
) -> Iterator[dict[str, np.ndarray]]:
    """The outputs of `layers` for the images `todo`, `batch_size` at a time, deepest last."""
    mesh = local_mesh()
    module = Activations(freeze(backbone.until(layers[-1])), layers)
    graph, state = nnx.split(module)
    tree = replicated(nnx.to_pure_dict(state), mesh)
    examples = Examples(images, np.zeros(len(images), np.int32))
    silent = None if is_first() else True
    with tqdm(total=len(todo), desc="features", unit="image", disable=silent) as progress:
        for batch in device_batches(examples, batch_size, todo, mesh):
            outputs = forward_step(graph, tree, batch.inputs, mesh)
            rows = {name: host_rows(y, batch) for name, y in outputs.items()}
            progress.update(len(rows[layers[-1]]))
            yield rows
