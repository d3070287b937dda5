"""Keep other libraries' warnings and log lines off the user's screen."""

import ctypes
import functools
import io
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any


class _QuietPillow:
    """A context without Pillow's warnings and libtiff's messages, for several threads at once.

    `warnings.catch_warnings` alone restores the wrong filters when threads overlap; here the
    first thread in saves them and the last one out restores them. So with libtiff's handlers,
    which print on the terminal from C.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._saved = warnings.catch_warnings()
        self._handlers: list[int | None] = []

    def __enter__(self) -> None:
        with self._lock:
            if self._users == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\b")
                self._handlers = [exchange(None) for exchange in _libtiff_setters()]
            self._users += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._saved.__exit__(None, None, None)
                for exchange, before in zip(_libtiff_setters(), self._handlers, strict=True):
                    exchange(before)

    def in_child(self) -> None:
        """Leave it for the threads that were in it when this process was made, and aren't here."""
        self._lock = threading.Lock()
        if self._users:
            self._users = 1
            self.__exit__()


@functools.cache
def _libtiff_setters() -> tuple[Any, ...]:
    """The functions that exchange the handlers of libtiff's errors and warnings.

    They are looked up in Pillow's own module, which is linked to the libtiff that it uses; there
    are none where that isn't a shared library (on Windows), and there it does print.
    """
    from PIL import _imaging

    library = ctypes.CDLL(_imaging.__file__)
    setters = []
    for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
        with suppress(AttributeError):
            setter = getattr(library, name)
            setter.restype, setter.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
            setters.append(setter)
    return tuple(setters)


quiet_pillow = _QuietPillow()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=quiet_pillow.in_child)

# Pillow logs some damage besides; without any handler, Python would print that on stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@contextmanager
def log_level(logger: logging.Logger, level: int) -> Iterator[None]:
    """Let `logger` say nothing below `level` for a while."""
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Ignore what TFDS, absl and TensorFlow print, warn and log, except for errors and progress.

    Changes the whole process while it lasts, so it isn't for several threads.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    no_warnings, no_output = warnings.catch_warnings(), redirect_stdout(io.StringIO())
    with log_level(logging.getLogger("absl"), logging.ERROR), no_warnings, no_output:
        warnings.simplefilter("ignore")
        yield
