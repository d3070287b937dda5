"""Several devices that share each batch, every one with a copy of the parameters.

Everywhere in this room a `mesh` of None means one device, for which nothing here does anything.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from vggjax.transfer.examples import Batch, Examples, ahead, batches

AXIS = "data"


def data_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh | None:
    """The `devices` in a row, by default all of all processes; None if there is only one.

    The devices of a process stand side by side, so that its part of a batch is one slice.
    """
    devices = jax.devices() if devices is None else devices
    ordered = sorted(devices, key=lambda device: (device.process_index, device.id))
    return Mesh(np.array(ordered), (AXIS,)) if len(ordered) > 1 else None


def local_mesh() -> Mesh | None:
    """The devices of this process alone, for work that is not shared with other processes."""
    return data_mesh(jax.local_devices())


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

    def put(leaf: Any) -> jax.Array:
        array = np.asarray(leaf)
        return jax.make_array_from_process_local_data(sharding, array, array.shape)

    return jax.tree.map(put, tree)


def single(tree: Any, mesh: Mesh | None) -> Any:
    """The replicated arrays of `tree`, on this process's first device only."""
    if mesh is None:
        return tree
    return jax.tree.map(lambda leaf: leaf.addressable_data(0), tree)


def device_batches(
    examples: Examples, size: int, order: np.ndarray | None, mesh: Mesh | None
) -> Iterator[Batch]:
    """The `batches` of `examples`, split over the devices, prepared while others are in use.

    A `size` that the devices do not divide is filled up like a last batch, so that each step uses
    the same examples as on one device. Each process reads only its own part of a batch.
    """
    if mesh is None:
        return ahead(batches(examples, size, order))
    per_device = -(-size // mesh.size)
    padded, part = per_device * mesh.size, _own_part(mesh, per_device)
    put = partial(jax.make_array_from_process_local_data, NamedSharding(mesh, P(AXIS)))
    host_batches = batches(examples, size, order, padded=padded, part=part)
    return ahead(Batch(*map(put, batch)) for batch in host_batches)


def host_rows(outputs: jax.Array, batch: Batch) -> np.ndarray:
    """The outputs for the real examples of `batch`, in NumPy; all of it must be local."""
    return np.asarray(outputs)[np.asarray(batch.weights) > 0]


def _own_part(mesh: Mesh, per_device: int) -> slice:
    """The part of a batch that goes to this process's devices."""
    own = [device.process_index == jax.process_index() for device in mesh.devices.flat]
    start = own.index(True) * per_device
    return slice(start, start + sum(own) * per_device)
