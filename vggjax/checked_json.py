"""JSON files that carry a checksum of their own content: what was damaged or edited is noticed."""

import hashlib
import json
import os
from collections.abc import Mapping
from errno import ENOENT
from pathlib import Path
from typing import Any, NoReturn

from vggjax.errors import DataError
from vggjax.files import finite, write_json

CHECKSUM = "checksum"
_MOST_BYTES = 2**27
_MOST_VALUES = 2**24  # in memory, each takes up to some hundred bytes


class ContentError(DataError):
    """A file holds no content that could be used; `cause` says why in a few words."""

    def __init__(self, path: Path, cause: str):
        super().__init__(f"{path} can't be used: {cause}.")
        self.cause = cause


class MissingError(ContentError):
    """There is no such file."""


def write_checked_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` as `write_json` does, with a checksum as its first entry."""
    write_json(path, with_checksum(content))


def read_checked_json(path: Path) -> dict[str, Any]:
    """The content that `write_checked_json` wrote, without the checksum.

    Raises ContentError if it isn't there or is no longer what was written, OSError if the system
    refuses to read it.
    """
    content = read_json(path)
    if not unchanged(content):
        raise ContentError(path, "its checksum differs, so it was changed or damaged")
    return _without(content)


def read_json(path: Path) -> dict[str, Any]:
    """An object in JSON, whoever wrote it, of a size that fits memory; errors are as above."""
    if path.exists() and not path.is_file():
        raise ContentError(path, "it is not a file")
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingError(path, os.strerror(ENOENT)) from error
    if len(data) > _MOST_BYTES or sum(map(data.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        raise ContentError(path, "it is too large")
    try:
        content = json.loads(data, parse_constant=_refuse)
    except RecursionError as error:
        raise ContentError(path, "it is nested too deeply") from error
    except ValueError as error:
        raise ContentError(path, "it is not JSON") from error
    if not isinstance(content, dict):
        raise ContentError(path, "it is not a JSON object")
    return content


def with_checksum(content: Mapping[str, Any]) -> dict[str, Any]:
    """Content as JSON gives it back, with its checksum before it."""
    plain = _without(json.loads(json.dumps(finite(content))))
    return {CHECKSUM: _checksum(plain), **plain}


def unchanged(content: Mapping[str, Any]) -> bool:
    """Whether content has a checksum, and the right one."""
    try:
        return bool(content.get(CHECKSUM) == _checksum(_without(content)))
    except RecursionError:  # read so far, but no further
        return False


def _without(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != CHECKSUM}


def _checksum(content: Mapping[str, Any]) -> str:
    """SHA-256 (64 hex digits) of canonical JSON: spaces and the order of keys don't count."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
