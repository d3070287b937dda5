"""How far a long piece of work has come: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from vggjax.collective import is_first

SECONDS_BETWEEN_LINES = 10


class Lines:
    """Progress as plain lines on stderr, the first after some seconds: for logs and pipes."""

    def __init__(self, what: str, total: int, unit: str):
        self.what, self.total, self.unit, self.n = what, total, unit, 0
        self._start = self._last = time.monotonic()

    def update(self, count: int = 1) -> None:
        self.n += count
        now = time.monotonic()
        if now - self._last < SECONDS_BETWEEN_LINES:
            return
        self._last, spent = now, now - self._start
        left = f", about {spent / self.n * (self.total - self.n):.0f} s left" if self.n else ""
        print(
            f"{self.what}: {self.n:,} of {self.total:,} {self.unit}s after {spent:.0f} s{left}",
            file=sys.stderr,
            flush=True,
        )


@contextmanager
def progress(what: str, total: int, unit: str, *, delay: float = 0) -> Iterator["tqdm | Lines"]:
    """Shows, in the first process, how many of `total` units are done; `update` tells it.

    Work that ends before `delay` seconds shows nothing.

    >>> with progress("sums", 3, "sum") as bar:
    ...     for number in range(3):
    ...         bar.update()
    """
    if is_first() and not sys.stderr.isatty():
        yield Lines(what, total, unit)
        return
    hidden = not is_first()
    bar = tqdm(total=total, desc=what, unit=unit, dynamic_ncols=True, disable=hidden, delay=delay)
    with bar:
        yield bar
