"""How much memory all threads together take for files and decoded images."""

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_LARGE = 8  # of this part of all there is, memory is given back to the system at once


class Room:
    """So many bytes, to be shared by threads: who needs more than is left waits.

    What takes less than a thousandth isn't counted.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.renew()

    def renew(self) -> None:
        """All of it is left: a new process lacks the threads that had some."""
        self.left = self.total
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """A block that has `size` bytes, at most all there are."""
        size = min(size, self.total) if size > self.total // 1000 else 0
        if size:
            with self._changed:
                self._changed.wait_for(lambda: size <= self.left)
                self.left -= size
        try:
            yield
        finally:
            if size:
                if size > self.total // _LARGE:
                    _give_back()
                with self._changed:
                    self.left += size
                    self._changed.notify_all()


def _trimming() -> Callable[[int], Any] | None:
    """glibc's `malloc_trim`; elsewhere memory is given back without being asked."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None


_trim = _trimming()


def _give_back() -> None:
    """Give the system the memory that is free: each thread keeps what it had once, otherwise."""
    if _trim is not None:
        _trim(0)


FILES = Room(640 * 2**20)  # a thread that decodes waits for no file, so the two can't lock
DECODING = Room(5 * 2**28)


@contextmanager
def read_image(read: Callable[[str], bytes], name: str) -> Iterator[bytes]:
    """An image's bytes, for a block: large files of a source that knows sizes wait for room."""
    size: Any = getattr(read, "size", None)
    with FILES.taken(size(name) if size else 0):
        yield read(name)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=FILES.renew)
    os.register_at_fork(after_in_child=DECODING.renew)
