"""Mean and deviation of features, read batch by batch."""

from collections.abc import Iterable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from vggjax.errors import DataError
from vggjax.model import Chain
from vggjax.model.layers import Standardize

# A feature whose deviation is this small beside its mean is a constant with rounding errors.
LEAST_DEVIATION = 1e-6


def standardizing(
    inputs: Any, before: Chain | None = None, *, floor: float = 0.0, batch_size: int = 128
) -> Standardize:
    """A layer that gives each of the features `inputs` (N, *shape) mean 0 and deviation 1.

    With `before`, the features are what that chain makes of the inputs. They are read batch by
    batch, in order. Pass training features only: what the layer knows of validation and test
    images would be a leak. A feature that is the same for all inputs is left out (scale 0). One
    whose deviation is below `floor` times the root mean square of all deviations is divided by
    that instead: it would be huge in the first new image that excites it.
    Raises DataError if there are no inputs.
    """
    mean, deviation = mean_and_deviation(_batches(inputs, before, batch_size))
    varies = deviation > LEAST_DEVIATION * np.maximum(np.abs(mean), np.finfo(np.float32).tiny)
    divisor = np.maximum(deviation, floor * np.sqrt((deviation**2).mean()))
    scale = np.divide(1, divisor, out=np.zeros_like(divisor), where=varies)
    return Standardize(jnp.asarray(mean, jnp.float32), jnp.asarray(scale, jnp.float32))


def mean_and_deviation(batches: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and population deviation, float64 (*shape), of all rows in `batches` (n, *shape).

    Batches are merged by Chan's formula: sums of squares would lose the digits that matter.
    """
    count, mean, squares = 0, np.zeros(()), np.zeros(())
    for batch in batches:
        rows = batch.astype(np.float64)
        own_mean = rows.mean(axis=0)
        own_squares = ((rows - own_mean) ** 2).sum(axis=0)
        total, delta = count + len(rows), own_mean - mean
        mean = mean + delta * (len(rows) / total)
        squares = squares + own_squares + delta**2 * (count * len(rows) / total)
        count = total
    if not count:
        raise DataError("There are no features to standardise.")
    return mean, np.sqrt(squares / count)


def _batches(inputs: Any, before: Chain | None, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(inputs), size):
        batch = inputs[start : start + size]
        yield np.asarray(before(jnp.asarray(batch)) if before else batch)
