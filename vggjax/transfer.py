"""HTTP: fetches what of a file isn't here yet, with limits on its size and on the time it takes."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

from tqdm import tqdm

from vggjax.errors import VggjaxError

if TYPE_CHECKING:
    import requests

WINDOW, SLOWEST = 60, 1000  # in so many seconds, so many bytes a second must come
_SILENCE = 30  # seconds
_CHUNK = 2**18  # bytes
_REDIRECTS = 10
_UNREACHABLE = "cannot be reached; check the network"
_ADVICE = {
    403: "; try another network",
    404: ": the file has moved or is gone; look for a newer vggjax",
    410: ": the file has moved or is gone; look for a newer vggjax",
}


def url_problem(url: str, timeout: float) -> str:
    """What keeps `url` from being fetched, as the end of a sentence; "" if it answers in time.

    The request runs in a thread of its own, because a name look-up has no timeout and can hang
    for minutes without a network.
    """
    answers: list[str] = []
    thread = threading.Thread(target=_ask, args=(url, timeout, answers), daemon=True)
    thread.start()
    thread.join(timeout)
    return answers[0] if answers else _UNREACHABLE


def refused(url: str, problem: str) -> VggjaxError:
    """The error for an address with a `problem`."""
    return VggjaxError(
        f"{url} {problem}, or download that file by hand and name its path instead "
        "(--weights PATH or --data-dir PATH)."
    )


def fetch_rest(url: str, part: Path, size: int) -> None:
    """Append to the file `part` what it lacks of `url`, some `size` bytes, or write it anew.

    Raises VggjaxError if that can't be done to the end; what has come stays in `part`. Whether it
    is the file that is wanted is for its checksum to say, also where nothing seems to be missing.
    """
    kept = _length(part)
    with _named(url, part, size), _opened(url, _SILENCE, kept) as response:
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and kept:
            return
        if problem := _status_problem(response.status_code):
            raise refused(url, problem)
        begin = kept if response.status_code == HTTPStatus.PARTIAL_CONTENT else 0
        _check_announced(url, response, begin, size)
        with part.open("ab" if begin else "wb") as file:
            end = _copy(response, file, begin, size)
    if end > size + _margin(size):
        part.unlink()
        raise VggjaxError(f"{url} sends more than the {size:,} bytes of the file.")


def kept_of(part: Path, size: int) -> str:
    """How much of a download is kept, in words; "" if nothing is."""
    kept = _length(part)
    return f"{kept / 1e6:,.1f} of {size / 1e6:,.1f} MB of the download are kept" if kept else ""


def _length(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _ask(url: str, timeout: float, answers: list[str]) -> None:
    from urllib.request import getproxies

    if not getproxies() and not _has_address(url):
        answers.append(_UNREACHABLE)
        return
    import requests  # takes a tenth of a second, which is saved without a network

    try:
        # GET rather than HEAD: signed storage addresses refuse HEAD. The body is never read.
        with _opened(url, timeout) as response:
            answers.append(_status_problem(response.status_code))
    except requests.TooManyRedirects:
        answers.append("redirects without an end; look for a newer vggjax")
    except requests.exceptions.SSLError:
        answers.append("can't prove who it is (SSL); check the clock and the network")
    except requests.RequestException:
        answers.append(_UNREACHABLE)


def _has_address(url: str) -> bool:
    try:
        return bool(socket.getaddrinfo(urlsplit(url).hostname, None))
    except OSError:
        return False


@contextmanager
def _opened(url: str, timeout: float, begin: int = 0) -> Iterator["requests.Response"]:
    import requests

    # Positions in the file are those in the body only if it isn't compressed on its way.
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={begin}-"} if begin else {})}
    with requests.Session() as session:
        session.max_redirects = _REDIRECTS
        with session.get(url, headers=headers, stream=True, timeout=timeout) as response:
            yield response


def _status_problem(status: int) -> str:
    if status < 400:
        return ""
    phrase = HTTPStatus(status).phrase if status in {*HTTPStatus} else ""
    advice = _ADVICE.get(status, "; try again later")
    return f"answers {status} {phrase}".rstrip() + advice


def _check_announced(url: str, response: "requests.Response", begin: int, size: int) -> None:
    """Raise VggjaxError, before anything is written, for what can't be the file."""
    length = response.raw.length_remaining
    if length is not None and abs(begin + length - size) <= _margin(size):
        return
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise VggjaxError(
            f"{url} gives a web page instead of the file; does this network ask for a login? "
            "Try again after that, or download the file by hand."
        )
    if length is not None:
        raise VggjaxError(
            f"{url} has {begin + length:,} bytes instead of {size:,}: it is another file; "
            "download the right one by hand."
        )


def _margin(size: int) -> int:
    """By how much a size may be wrong: some are known in rounded megabytes."""
    return size // 1000


def _copy(response: "requests.Response", file: IO[bytes], begin: int, size: int) -> int:
    """Write the body to `file`, at most a little more than `size`; returns where it ends.

    Raises _BrokenOff if it comes too slowly or ends too early.
    """
    end, since, before = begin, time.monotonic(), begin
    with tqdm(total=size, initial=begin, unit="B", unit_scale=True, disable=None) as bar:
        while end <= size + _margin(size):
            if not (data := response.raw.read1(_CHUNK, decode_content=False)):
                break
            file.write(data)
            bar.update(len(data))
            end, now = end + len(data), time.monotonic()
            if now - since > WINDOW:
                if end - before < SLOWEST * (now - since):
                    raise _BrokenOff(f"stalled (less than {SLOWEST:,} bytes a second)")
                since, before = now, end
    if end < size - _margin(size):
        raise _BrokenOff("broke off")
    return end


class _BrokenOff(Exception):
    """A transfer that ended too early; its text says how."""


@contextmanager
def _named(url: str, part: Path, size: int) -> Iterator[None]:
    """What breaks a transfer off, as a VggjaxError that says what is kept."""
    import requests
    import urllib3

    try:
        yield
    except (_BrokenOff, requests.RequestException, urllib3.exceptions.HTTPError) as error:
        how = str(error) if isinstance(error, _BrokenOff) else f"broke off ({type(error).__name__})"
        kept = kept_of(part, size)
        goes_on = f"; {kept}, and it goes on there" if kept else ""
        raise VggjaxError(f"The download of {url} {how}; try again{goes_on}.") from error
    except OSError as error:
        raise VggjaxError(
            f"{part} can't be written ({error.strerror or error}); make room, or set VGGJAX_CACHE "
            "to a folder with room in it."
        ) from error
