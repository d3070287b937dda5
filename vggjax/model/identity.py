"""The identity of a chain: a hash of everything that its output depends on."""

import hashlib

import jax
import numpy as np
from flax import nnx

from vggjax.model import kernels
from vggjax.model.chain import Chain
from vggjax.model.layers import as_layer, settings_of


def chain_digest(chain: Chain) -> str:
    """SHA-256 (64 hex digits) of the layers' names, kinds and settings, and of their parameters.

    Computed from the arrays themselves, so that weights changed in memory have another identity.
    Raises LayerError for a layer that isn't a `vggjax.model.Layer`.
    """
    digest = hashlib.sha256(f"{chain.dtype}\n".encode())
    for name in chain.names:
        layer = as_layer(chain[name])
        digest.update(f"{name} {layer.kind} {sorted(settings_of(layer).items())}\n".encode())
        for key, value in sorted(nnx.to_pure_dict(nnx.state(layer, nnx.Param)).items()):
            array = np.ascontiguousarray(jax.device_get(value))
            digest.update(f"{key} {array.dtype.name} {array.shape}\n".encode())
            digest.update(array.view(np.uint8).data)
    return digest.hexdigest()


def arithmetic_of(chain: Chain) -> str:
    """What the last digits of the chain's output depend on: versions of its layers, kernels.

    Features are kept apart by it; a saved classifier fits all arithmetics of the same chain.
    Raises LayerError as `chain_digest` does.
    """
    layers = [as_layer(chain[name]) for name in chain.names]
    versions = sorted({f"{layer.kind} {layer.version}" for layer in layers})
    return f"{kernels.family()}; {', '.join(versions)}"
