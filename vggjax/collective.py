"""What processes that work as one tell each other (see `vggjax.distributed`).

With a single process, which is the ordinary case, every function here does nothing, at no cost.
The functions that exchange something must be called by all processes, in the same order.
"""

import pickle
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeVar

import jax
import numpy as np

from vggjax.errors import VggjaxError

Value = TypeVar("Value")


def is_first() -> bool:
    """Whether this process is the one that prints and writes results."""
    return jax.process_index() == 0


def own(indices: np.ndarray) -> np.ndarray:
    """Those of `indices` that are this process's work: every n-th, for n processes."""
    return indices[indices % jax.process_count() == jax.process_index()]


def gather(local: np.ndarray) -> np.ndarray:
    """The processes' arrays `local`, all of one shape and dtype, stacked: (processes, *shape)."""
    count = jax.process_count()
    if count == 1:
        return local[np.newaxis]
    from jax.experimental import multihost_utils

    # As bytes, because JAX would narrow 64-bit numbers.
    stacked = multihost_utils.process_allgather(np.frombuffer(local.tobytes(), np.uint8))
    return np.frombuffer(stacked.tobytes(), local.dtype).reshape(count, *local.shape)


def gather_own(rows: np.ndarray, total: int) -> np.ndarray:
    """All `total` rows in order, of which each process has those at `own(np.arange(total))`."""
    longest = -(-total // jax.process_count())
    padded = np.zeros((longest, *rows.shape[1:]), rows.dtype)
    padded[: len(rows)] = rows
    return gather(padded).swapaxes(0, 1).reshape(-1, *rows.shape[1:])[:total]


def gather_bytes(local: bytes) -> list[bytes]:
    """The processes' byte strings, of any lengths."""
    lengths = gather(np.array(len(local), np.int64))
    padded = np.zeros(lengths.max(), np.uint8)
    padded[: len(local)] = np.frombuffer(local, np.uint8)
    return [row[:n].tobytes() for row, n in zip(gather(padded), lengths, strict=True)]


def from_first(make: Callable[[], Value]) -> Value:
    """What `make` returns in process 0, in every process; it runs in no other.

    Raises what `make` raises, and VggjaxError in the other processes.
    """
    if jax.process_count() == 1:
        return make()
    value = None
    with fail_together():
        value = make() if is_first() else None
    # The bytes come from a process of this very job, so unpickling them runs no one else's code.
    return pickle.loads(gather_bytes(pickle.dumps(value))[0])


@contextmanager
def entered_by_first(context: AbstractContextManager[Value]) -> Iterator[Value]:
    """A block in a context that process 0 alone enters, and leaves; all get what it gives.

    Raises what entering raises, and VggjaxError in the other processes.
    """
    with ExitStack() as stack:
        yield from_first(lambda: stack.enter_context(context))


@contextmanager
def fail_together() -> Iterator[None]:
    """Wait for all processes at the end of the block; if it failed in one, it fails in all.

    So no process waits for one that has given up. Nothing may be exchanged inside of the block.
    The processes where it did not fail raise VggjaxError with the first message of the others.
    """
    failure, words = None, ""
    try:
        yield
    except Exception as error:
        failure, words = error, str(error) or repr(error)
    messages = gather_bytes(words.encode(errors="replace"))
    if failure is not None:
        raise failure
    for number, message in enumerate(messages):
        if message:
            raise VggjaxError(f"Process {number} failed: {message.decode()}")


def require_same(value: str, what: str) -> None:
    """Raise VggjaxError, in all processes, unless `value` is the same in all of them."""
    if len(set(gather_bytes(value.encode()))) > 1:
        raise VggjaxError(f"The processes do not have the same {what}; give all of them the same.")
