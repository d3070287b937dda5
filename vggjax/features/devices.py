"""Several devices that share each batch, every one with a copy of the parameters.

Everywhere in this package a `mesh` of None means one device, for which nothing here does anything.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from vggjax.features.examples import Batch, Examples, ahead, batches, within

AXIS = "data"


def data_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh | None:
    """The `devices` in a row, by default all of all processes; None if there is only one.

    The devices of a process stand side by side, so that its part of a batch is one slice.
    """
    devices = jax.devices() if devices is None else devices
    ordered = sorted(devices, key=lambda device: (device.process_index, device.id))
    return Mesh(np.array(ordered), (AXIS,)) if len(ordered) > 1 else None


def data_parallel(function: Callable[..., Any], mesh: Mesh | None) -> Callable[..., Any]:
    """`function` (parameters, inputs) → outputs, run by each device on its part of the inputs.

    Not left to XLA's partitioner: it would run a loop over the images of a batch, as fast kernels
    have them, on every device in full.
    """
    if mesh is None:
        return function
    specs = P(), P(AXIS)
    return jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=P(AXIS), check_vma=False)


def replicated(tree: Any, mesh: Mesh | None) -> Any:
    """The arrays of `tree`, equal in all processes, on each device of the mesh."""
    if mesh is None:
        return tree
    sharding = NamedSharding(mesh, P())
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)
    put = partial(jax.make_array_from_process_local_data, sharding)
    return jax.tree.map(lambda leaf: put(np.asarray(leaf)), tree)


def device_batches(
    examples: Examples, size: int, order: np.ndarray | None, mesh: Mesh | None
) -> Iterator[Batch]:
    """The `batches` of `examples`, split over the devices, prepared while others are in use.

    A `size` that the devices do not divide is filled up like a last batch, so that each step uses
    the same examples as on one device. Each process reads only its own part of a batch. One far
    above the number of examples is only as large as these need.
    """
    size = within(size, len(examples))
    if mesh is None:
        return ahead(batches(examples, size, order))
    per_device = -(-size // mesh.size)
    start = mesh.devices.tolist().index(mesh.local_devices[0]) * per_device
    own = slice(start, start + len(mesh.local_devices) * per_device)
    put = partial(jax.make_array_from_process_local_data, NamedSharding(mesh, P(AXIS)))
    host_batches = batches(examples, size, order, padded=per_device * mesh.size, part=own)
    return ahead(Batch(*map(put, batch)) for batch in host_batches)
