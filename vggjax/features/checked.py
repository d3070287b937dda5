"""What is given as inputs and labels, brought into one form and checked."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from vggjax.errors import DataError, one_line

# In memory, so many bytes are looked through when examples are made; that takes some 0.1 s.
SEARCHED_BYTES = 2**28
_TEXT = "US"  # NumPy's kinds of strings


def checked_labels(labels: Any) -> np.ndarray:
    """Labels as (N,) int32: whole numbers from 0 on, from any array, list or column of a table.

    They are taken by position, also those of a pandas Series. Raises DataError for anything else.
    """
    found = _as_array(labels, "labels")
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim == 2:
        raise DataError(
            f"The labels are rows of {found.shape[1]} numbers, but each is to be one number; "
            "of one-hot rows that is labels.argmax(-1)."
        )
    if found.ndim != 1:
        raise DataError(f"The labels must be a row of numbers (N,), not {found.shape}.")
    if found.dtype.kind in _TEXT and found.size:
        raise DataError(
            f"The labels are names such as {str(found[0])!r}; number the classes from 0, as "
            "`names, labels = numpy.unique(labels, return_inverse=True)` does."
        )
    return _whole_numbers(found)


def checked_inputs(inputs: Any) -> Any:
    """Inputs that an array of integers indexes: an array of numbers, or what is read lazily.

    What has a method `subset`, as `Features` and `ImageArray` have it, and what NumPy can't turn
    into an array stay as they are; lists, tables and other arrays become NumPy arrays.
    Raises DataError if they can't be indexed, are no numbers or, in memory, not all finite.
    """
    if hasattr(inputs, "subset"):
        return inputs
    if isinstance(inputs, np.ndarray) and inputs.dtype != object:
        array = inputs
    elif isinstance(inputs, list | tuple) or hasattr(inputs, "__array__"):
        array = _as_array(inputs, "inputs")
    else:
        return _indexable(inputs)
    if array.dtype.kind in _TEXT:
        raise DataError(
            "There is text among the inputs, which must be numbers; photographs in files are read "
            "by vggjax.load_folder or vggjax.decode_image."
        )
    _require_numbers(array, "inputs")
    if array.ndim == 0:
        raise DataError(f"The inputs must be several, not a single number ({array}).")
    if not isinstance(array, np.memmap) and array.nbytes <= SEARCHED_BYTES:
        require_finite(array)
    return array


def require_finite(rows: np.ndarray, start: int = 0) -> None:
    """Raise DataError, naming the first of the inputs `rows` from `start` on that isn't finite."""
    if not jnp.issubdtype(rows.dtype, jnp.floating):
        return
    with np.errstate(all="ignore"):
        if np.isfinite(rows.sum(dtype=np.float64)):
            return  # quick, and right but for sums past float64
    wrong = ~np.isfinite(rows).reshape(len(rows), -1).all(axis=1)
    if wrong.any():
        raise DataError(
            f"The input number {start + wrong.argmax()}, counted from 0, holds numbers that are "
            "not finite (NaN or infinite); leave it out or mend it."
        )


def _as_array(values: Any, what: str) -> np.ndarray:
    try:
        array = np.asarray(values)
        return np.array(array.tolist()) if array.dtype == object else array
    except (ValueError, TypeError, RuntimeError) as error:
        raise DataError(
            f"The {what} can't be made one array; have all one shape? ({one_line(error)})"
        ) from error


def _require_numbers(array: np.ndarray, what: str) -> None:
    number = jnp.issubdtype(array.dtype, jnp.number) or array.dtype == np.bool_
    if not number or jnp.issubdtype(array.dtype, jnp.complexfloating):
        raise DataError(f"The {what} must be real numbers, not of NumPy's type {array.dtype}.")


def _whole_numbers(found: np.ndarray) -> np.ndarray:
    _require_numbers(found, "labels")
    with np.errstate(invalid="ignore"):
        labels = found.astype(np.int32)
    wrong = (labels != found) | (labels < 0)
    if wrong.any():
        first = wrong.argmax()
        raise DataError(
            f"The label number {first}, counted from 0, is {found[first]}; "
            "labels are whole numbers from 0 on, one for each class."
        )
    return labels


def _indexable(inputs: Any) -> Any:
    indexed = hasattr(inputs, "__len__") and hasattr(inputs, "__getitem__")
    if not indexed or isinstance(inputs, str | bytes | Mapping):
        raise DataError(
            f"The inputs, of the class {type(inputs).__name__}, can't be picked by number; "
            "give an array, a list, Features or an ImageArray."
        )
    return inputs
