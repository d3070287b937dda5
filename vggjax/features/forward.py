"""The one forward pass: what a frozen chain makes of any number of inputs, batch by batch."""

import operator
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import jax
import numpy as np
from flax import nnx
from jax.sharding import Mesh

from vggjax.features.devices import data_mesh, data_parallel, device_batches, replicated
from vggjax.features.examples import Examples
from vggjax.features.pixels import warn_of_range
from vggjax.model import COMPILER_OPTIONS, Chain, Parameters, optimize_inference

# What was prepared of each chain: the arrays that it was made of, graph, parameters.
_PREPARED: WeakKeyDictionary[Chain, dict[tuple[str, ...], Any]] = WeakKeyDictionary()


class Activations(nnx.Module):
    """A chain's outputs at several layers, as a module of its own: (B, …) → {layer: (B, …)}."""

    def __init__(self, chain: Chain, layers: tuple[str, ...]):
        self.chain = chain
        self.layers = layers

    def __call__(self, x: jax.Array) -> dict[str, jax.Array]:
        return self.chain.activations(x, self.layers)


def apply(graph: Any, tree: Parameters, inputs: Any, mesh: Mesh | None) -> Any:
    """The output for a batch of the chain whose `nnx.graphdef` is `graph`, split over `mesh`."""
    return data_parallel(lambda tree, x: nnx.merge(graph, tree)(x), mesh)(tree, inputs)


@partial(jax.jit, static_argnames=("graph", "mesh"), compiler_options=COMPILER_OPTIONS)
def forward_step(graph: Any, tree: Parameters, inputs: jax.Array, mesh: Mesh | None = None) -> Any:
    """The chain's output for one batch; several arrays, if `graph` is that of such a module."""
    return apply(graph, tree, inputs, mesh)


def outputs(
    chain: Chain,
    inputs: Any,
    layers: Sequence[str] | None = None,
    *,
    indices: np.ndarray | None = None,
    batch_size: int = 32,
) -> Iterator[dict[str, np.ndarray]]:
    """The outputs `{layer: (n, …)}` of some `layers` of `chain` (its last if None), by batches.

    The `inputs` (N, …) at `indices` (all of them if None) are read `batch_size` at a time, while
    the batch before them is computed. The pass ends at the deepest of the layers. It runs on all
    devices of the process that calls it; other processes need not call it. Raises LayerError for a
    layer that isn't in the chain.
    """
    names = tuple(sorted(set(layers or chain.names[-1:]), key=chain.position))
    mesh = data_mesh(jax.local_devices())
    graph, tree = _prepared(chain, names)
    examples = Examples(inputs, np.zeros(len(inputs), np.int32))
    warn_of_range(chain, examples)
    for batch in device_batches(examples, batch_size, indices, mesh):
        found = forward_step(graph, tree, batch.inputs, mesh)
        real = np.asarray(batch.weights) > 0
        yield {name: np.asarray(rows)[real] for name, rows in found.items()}


def _prepared(chain: Chain, names: tuple[str, ...]) -> tuple[Any, Parameters]:
    """The graph and the parameters of a chain that is prepared to run until the layers `names`.

    It is kept as long as the chain is, and made anew where a parameter is another array by now.
    """
    leaves = jax.tree.leaves(nnx.state(chain, nnx.Param))
    kept = _PREPARED.setdefault(chain, {})
    if names not in kept or not all(map(operator.is_, kept[names][0], leaves)):
        module = Activations(optimize_inference(chain.until(names[-1])), names)
        graph, state = nnx.split(module)
        tree = replicated(nnx.to_pure_dict(state), data_mesh(jax.local_devices()))
        kept[names] = leaves, graph, tree
    return kept[names][1:]


def compute(chain: Chain, inputs: Any, batch_size: int = 32) -> np.ndarray:
    """The chain's outputs (N, …) for `inputs` (N, …), in memory; see `outputs`.

    >>> import numpy as np, vggjax
    >>> head = vggjax.softmax_head((4,), classes=3)
    >>> vggjax.compute(head, np.ones((5, 4), np.float32)).shape
    (5, 3)
    """
    last = chain.names[-1]
    return np.concatenate([batch[last] for batch in outputs(chain, inputs, batch_size=batch_size)])


def branch_outputs(
    chains: Mapping[str, Chain],
    inputs: Any,
    *,
    indices: np.ndarray | None = None,
    batch_size: int = 32,
) -> Iterator[dict[str, np.ndarray]]:
    """The outputs `{layer: (n, …)}` of several `chains`, by batches, from one pass.

    Each is the network until the layer that it is named by, perhaps with more behind it, such as
    those of `vggjax.model.dense_layers`; the rest is as in `outputs`. What is prepared for the pass
    is kept as long as the deepest of the chains is.
    """
    deepest = max(chains, key=lambda name: chains[name].position(name))
    trunk = chains[deepest]
    tails = {name: chain.after(name) for name, chain in chains.items()}
    for found in outputs(trunk, inputs, tuple(chains), indices=indices, batch_size=batch_size):
        yield {
            name: compute(tails[name], rows, batch_size) if len(tails[name]) else rows
            for name, rows in found.items()
        }
