"""What is said to who interrupts a program: what of the work is kept."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_KEPT: list[Callable[[], str]] = []


@contextmanager
def keeping(what: Callable[[], str]) -> Iterator[None]:
    """While the block runs, `what()` says what an interruption would leave; "" for nothing yet.

    It is a sentence's beginning, such as "the features of 320 images are kept".
    """
    _KEPT.append(what)
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if not interrupt.args and (text := what()):  # the innermost block has the first word
            interrupt.args = (text,)
        raise
    finally:
        _KEPT.pop()
