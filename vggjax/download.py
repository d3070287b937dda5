"""Downloads: announced, checked, and under their final name only when complete."""

import contextlib
import logging
import shutil
import sys
import threading
from pathlib import Path

from vggjax.errors import VggjaxError
from vggjax.files import cache_named, file_hash
from vggjax.quiet import log_level

_FREE_MARGIN = 64 * 2**20  # bytes to leave on the disk


def url_reachable(url: str, timeout: float = 5.0) -> bool:
    """Whether `url` answers without an error within `timeout` seconds.

    The request runs in a thread of its own, because a name look-up has no timeout and can hang
    for minutes without a network.
    """
    answers: list[bool] = []
    thread = threading.Thread(target=_ask, args=(url, timeout, answers), daemon=True)
    thread.start()
    thread.join(timeout)
    return bool(answers and answers[0])


def download(url: str, target: Path, known_hash: str, size: int) -> Path:
    """Fetch `url` into the file `target`, unless it is there already; returns `target`.

    `known_hash` is "md5:…" or "sha256:…", whole or only its first digits; `size` in bytes is
    announced on stderr. Raises VggjaxError if the address does not answer, the disk is too small,
    the transfer breaks off or the checksum differs; nothing is left under `target` then.
    """
    if not target.is_file():
        _prepare(url, target.parent, size)
        print(f"Downloading {size / 1e6:,.0f} MB from {url}", file=sys.stderr)
        _fetch(url, target)
    _check(target, url, known_hash)
    return target


def has_hash(path: Path, known_hash: str) -> bool:
    """Whether the file `path` has the checksum `known_hash`, given as for `download`."""
    algorithm, _, expected = known_hash.partition(":")
    return file_hash(path, algorithm).startswith(expected.lower())


def _prepare(url: str, folder: Path, size: int) -> None:
    if not url_reachable(url):
        raise VggjaxError(
            f"{url} cannot be reached; check the network, or download that file by hand "
            "and name its path instead (--weights PATH or --data-dir PATH)."
        )
    with cache_named(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < size + _FREE_MARGIN:
        raise VggjaxError(f"{folder} has no room for a download of {size / 1e6:,.0f} MB.")


def _ask(url: str, timeout: float, answers: list[bool]) -> None:
    import requests

    # GET rather than HEAD: signed storage addresses refuse HEAD. The body is never read.
    with (
        contextlib.suppress(requests.RequestException),
        requests.get(url, stream=True, timeout=timeout) as response,
    ):
        answers.append(response.ok)


def _fetch(url: str, target: Path) -> None:
    import pooch
    import requests

    fetch = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=30)
    try:
        with cache_named(target), log_level(pooch.get_logger(), logging.WARNING):  # it says it too
            # The checksum is compared afterwards: pooch knows no part of one.
            pooch.retrieve(url, None, target.name, target.parent, downloader=fetch)
    except (requests.RequestException, OSError, ValueError) as error:
        raise VggjaxError(
            f"The download of {url} broke off ({type(error).__name__}); try again."
        ) from error


def _check(path: Path, url: str, known_hash: str) -> None:
    algorithm, _, expected = known_hash.partition(":")
    found = file_hash(path, algorithm)
    if not found.startswith(expected.lower()):
        path.unlink()
        raise VggjaxError(
            f"The download of {url} was deleted because its {algorithm} is {found} "
            f"instead of {expected}; try again, or download it by hand."
        )
