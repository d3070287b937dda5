"""The identity of a chain: a hash of everything that its output depends on."""

import hashlib

import jax
import numpy as np
from flax import nnx

from vggjax.model import Chain


def chain_digest(chain: Chain) -> str:
    """SHA-256 (64 hex digits) of the layers' names, kinds and settings, and of their parameters.

    Computed from the arrays themselves, so that weights changed in memory have another identity.
    """
    digest = hashlib.sha256()
    for name in chain.names:
        layer = chain[name]
        digest.update(f"{name} {type(layer).__name__} {_settings(layer)}\n".encode())
        for key, value in sorted(nnx.to_pure_dict(nnx.state(layer, nnx.Param)).items()):
            array = np.ascontiguousarray(jax.device_get(value))
            digest.update(f"{key} {array.dtype.str} {array.shape}\n".encode())
            digest.update(array.data)
    return digest.hexdigest()


def _settings(layer: nnx.Module) -> str:
    plain = {
        key: value for key, value in vars(layer).items() if isinstance(value, str | int | float)
    }
    return repr(sorted(plain.items()))
