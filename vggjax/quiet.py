"""Keep other libraries' warnings and log lines off the user's screen."""

import io
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout


class _QuietPillow:
    """A context in which Pillow's warnings are ignored, for any number of threads at once.

    `warnings.catch_warnings` alone restores the wrong filters when threads overlap; here the
    first thread in saves them and the last one out restores them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._saved = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._users == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\b")
            self._users += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._saved.__exit__(None, None, None)


quiet_pillow = _QuietPillow()

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
