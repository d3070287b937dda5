"""The frozen part of a network, run once per image, ever."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from flax import nnx
from tqdm import tqdm

from vggjax.collective import fail_together, is_first, own
from vggjax.files import cache_folder
from vggjax.model import Chain, freeze, output_shape, parameters
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
    batch_size: int = 32,
    cache: Path | None = None,
    dtype: Any = np.float32,
) -> Features:
    """The output of `backbone` for each image, as `Features` (N, …) that live on disk.

    `images` are (N, size, size, 3) uint8 RGB. Rows found in the cache (`cache`, by default
    `features` in `vggjax.files.cache_folder()`) are not computed again: they are named by a hash
    of the chain, weights and preprocessing included, and of the image. The rest is computed batch
    by batch, so that memory doesn't grow with the number of images. `dtype` is how they are kept.
    Several processes, which must call this together, share the images; each uses all its devices.
    """
    store = open_store(backbone, images.shape[1:], cache, dtype)
    keys = content_keys(images)
    todo = own(missing_everywhere(store, keys))
    about = {"layers": " → ".join(backbone.names), "dtype": str(dtype)}
    with fail_together():
        if len(todo):
            store.add(keys[todo], _rows(backbone, images, todo, batch_size), about)
    return exchanged(store, keys, about).select(keys)


def open_store(
    backbone: Chain, image_shape: tuple[int, ...], cache: Path | None, dtype: Any
) -> FeatureStore:
    """The store that holds `backbone`'s features, in a folder named by its hash."""
    dtype = np.dtype(dtype)
    row_shape = output_shape(backbone, image_shape, np.uint8)
    size = "x".join(map(str, row_shape))
    name = f"{backbone.names[-1]}-{size}-{dtype.name}-{chain_digest(backbone)[:32]}"
    return FeatureStore((cache or cache_folder() / "features") / name, row_shape, dtype)


def _rows(
    backbone: Chain, images: Images, todo: np.ndarray, batch_size: int
) -> Iterator[np.ndarray]:
    mesh = local_mesh()
    frozen = freeze(backbone)
    graph, tree = nnx.graphdef(frozen), replicated(parameters(frozen), mesh)
    examples = Examples(images, np.zeros(len(images), np.int32))
    silent = None if is_first() else True
    with tqdm(total=len(todo), desc="features", unit="image", disable=silent) as progress:
        for batch in device_batches(examples, batch_size, todo, mesh):
            rows = host_rows(forward_step(graph, tree, batch.inputs, mesh), batch)
            progress.update(len(rows))
            yield rows
