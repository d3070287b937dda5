"""How every script ends: with its result, or with one clear sentence."""

import sys
import traceback
from collections.abc import Callable
from typing import Any

import jax

from engine.cluster import leave
from vggjax.command import speak_plainly, stop_writing
from vggjax.errors import VggjaxError, refusal


def run_script(script: Callable[[], Any]) -> None:
    """Run a script: a mistake that the user can mend is a sentence and exit status 2."""
    speak_plainly()
    try:
        script()
        sys.stdout.flush()
    except VggjaxError as error:
        leave(_failed(str(error)))
    except BrokenPipeError:
        stop_writing()
    except OSError as error:
        leave(_failed(refusal(error)))
    except Exception:
        if not jax.distributed.is_initialized():
            raise
        traceback.print_exc()
        leave(1)


def _failed(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2
