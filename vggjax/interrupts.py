"""Ctrl-C ends a program at once, in one line that says what of its work is kept.

All that is written is whole or isn't there, at any moment. So an interrupted program needs no time
to tidy up, in Python or in what it has called: a thread of its own is told of the signal, says the
line and ends the process, wherever the others are.
"""

import atexit
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from vggjax.claims import remove_ours

if TYPE_CHECKING:
    import subprocess

_SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "stopped"}
_STANDARD = (signal.SIG_DFL, signal.default_int_handler)
_PARKING = 0.3  # seconds for the main thread to come to a halt
_KEPT: list[Callable[[], str]] = []
_CHILDREN: list["subprocess.Popen[str]"] = []
_PARKED = threading.Event()


@contextlib.contextmanager
def keeping(what: Callable[[], str]) -> Iterator[None]:
    """While the block runs, `what()` says what an interruption would leave; "" for nothing yet.

    It is a sentence's beginning, such as "the features of 320 images are kept". Of several blocks
    the innermost has the word.
    """
    _KEPT.append(what)
    try:
        yield
    finally:
        _KEPT.pop()


@contextlib.contextmanager
def ended_with_us(child: "subprocess.Popen[str]") -> Iterator[None]:
    """While the block runs, a program that this one has started ends with it."""
    _CHILDREN.append(child)
    try:
        yield
    finally:
        _CHILDREN.remove(child)


def install() -> None:
    """From now on, end this program so; a signal that somebody else sees to stays theirs."""
    ours = [number for number in _SIGNALS if signal.getsignal(number) in _STANDARD]
    if threading.current_thread() is not threading.main_thread() or not ours:
        return
    told, tells = socket.socketpair()
    tells.setblocking(False)
    signal.set_wakeup_fd(tells.detach(), warn_on_full_buffer=False)
    for number in ours:
        signal.signal(number, _park)
    threading.Thread(target=_watch, args=(told,), daemon=True, name="interrupts").start()
    atexit.register(_ignore, ours)


def _ignore(numbers: Iterable[signal.Signals]) -> None:
    """Once the interpreter ends, the thread is gone: let the program keep its own exit status."""
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)


def _watch(told: socket.socket) -> None:
    while True:
        for number in told.recv(64):
            if number in _SIGNALS:
                _end(signal.Signals(number))


def _park(number: int, frame: FrameType | None) -> None:
    """The main thread's part, which it comes to when it is in Python: to do nothing any more."""
    _PARKED.set()
    threading.Event().wait()


def _end(number: signal.Signals) -> NoReturn:
    _PARKED.wait(_PARKING)
    with contextlib.suppress(Exception):
        line = f"{_SIGNALS[number]}: {kept()}\n"
        start = "\n" if sys.stderr.isatty() else ""  # a progress bar's line isn't ended
        os.write(2, (start + line).encode(sys.stderr.encoding, "backslashreplace"))
        for child in _CHILDREN:
            child.kill()
        remove_ours()
    os._exit(128 + number)


def kept() -> str:
    """What would be said now of what is kept, and of how to go on."""
    text = next((said for what in reversed(_KEPT) if (said := what())), "")
    if text:
        return f"{text}; the same command goes on from there"
    return "nothing is left half done; the same command begins anew"
