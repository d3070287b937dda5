"""How every command line ends: with its result, or with one clear sentence."""

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vggjax.claims import remove_leftovers_below
from vggjax.errors import VggjaxError, refusal
from vggjax.files import cache_folder


def open_cache() -> None:
    """Keep compiled programs in the cache, so that a second start doesn't compile them.

    And what Matplotlib keeps, for a user without a home that it could write to. What killed runs
    left in the cache half-written goes.
    """
    import jax

    cache = cache_folder()
    remove_leftovers_below(cache)
    if not _has_home():
        os.environ.setdefault("MPLCONFIGDIR", str(cache / "matplotlib"))
    jax.config.update("jax_compilation_cache_dir", str(cache / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
    # A full or closed disk costs time here, no more; where it matters, it is an error.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache")


def _has_home() -> bool:
    """Whether there is a folder for settings, or can be, as Matplotlib looks for it."""
    try:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "matplotlib"
    except RuntimeError:
        return False
    place = next(each for each in (folder, *folder.parents) if os.access(each, os.F_OK))
    return place.is_dir() and os.access(place, os.W_OK)


def speak_plainly() -> None:
    """Let output that can't show a letter show its number: no terminal ends a program."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def add_classifier(parser: argparse.ArgumentParser) -> None:
    """The arguments that name a classifier, for `vggjax.imagenet.classifier_called`."""
    parser.add_argument(
        "classifier",
        type=Path,
        metavar="CLASSIFIER",
        help="the folder of a saved classifier, or imagenet",
    )
    parser.add_argument(
        "--weights", metavar="NAME", help="the backbone's, if they are elsewhere than in training"
    )


def stop_writing() -> None:
    """For when whoever read the output has seen enough (a closed pipe): no more of it, quietly."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def finish(main: Callable[[Sequence[str] | None], Any], arguments: Sequence[str] | None) -> int:
    """Run `main(arguments)`; returns the exit status, 2 for what the user can mend."""
    speak_plainly()
    try:
        main(arguments)
        sys.stdout.flush()
    except VggjaxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        stop_writing()
    except OSError as error:
        print(f"error: {refusal(error)}", file=sys.stderr)
        return 2
    return 0
