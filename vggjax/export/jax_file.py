"""A network in JAX's own format: StableHLO, for any number of images and any device."""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from jax import export as jax_export

from vggjax.errors import DataError
from vggjax.export.whole import Whole
from vggjax.files import atomic_file
from vggjax.model import Chain
from vggjax.training import Classifier

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")


def export_jax(network: Chain | Classifier, file: str | Path) -> None:
    """Write a network, with its parameters, as `jax.export` does: it runs where JAX is alone.

    The function takes images (B, side, side, 3), uint8 RGB, any number B of them, and gives the
    output of a chain, or a classifier's probabilities (B, classes).
    Raises LayerError for a chain without the network's first layers, and for a classifier that
    looks at several views.

    >>> import tempfile, vggjax
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_jax(vggjax.load_vgg("demo", until="block5_pool"), f"{folder}/features.jax")
    ...     network = load_jax(f"{folder}/features.jax")
    >>> network(np.zeros((3, 64, 64, 3), np.uint8)).shape
    (3, 2, 2, 96)
    """
    whole = Whole.of(network)
    shape = jax_export.symbolic_shape(f"b, {whole.side}, {whole.side}, 3")
    images = jax.ShapeDtypeStruct(shape, np.uint8)
    exported = jax_export.export(jax.jit(lambda images: whole(images)), platforms=PLATFORMS)(images)
    with atomic_file(Path(file)) as temporary:
        temporary.write_bytes(exported.serialize())


def load_jax(file: str | Path) -> Callable[[np.ndarray], jax.Array]:
    """The function that `export_jax` wrote; DataError if the file isn't one.

    Without this library it is `jax.export.deserialize(bytearray(content)).call`.
    """
    try:
        return jax_export.deserialize(bytearray(Path(file).read_bytes())).call
    except OSError:
        raise
    except Exception as error:  # whatever a damaged file makes of the reader
        raise DataError(f"{file} is no network that was exported from JAX.") from error
