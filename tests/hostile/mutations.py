"""Changes of valid files, as damage and attackers make them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from vggjax.checked_json import CHECKSUM, with_checksum

_FIELD = {1: "u1", 2: "u2", 4: "u4", 8: "u8"}
_EDGES = (0, 1, 2, 127, 255, 256, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**63)
_ODD: tuple[Any, ...] = (
    *(0, -1, 1, 3, 10**8, 2**31, 2**63, 10**400, 0.5, 1e300, float("nan"), float("inf"), True),
    *(None, "", "x", "\x1b[31mred\n", "x" * 10**6, "../../etc", [], {}, [0], [[]], {"a": 1}),
)


def mutate(path: Path, copy: Path, rng: np.random.Generator) -> Path:
    """A copy of a valid file, or of a folder, with something changed in one of its files."""
    if path.is_dir():
        shutil.copytree(path, copy)
        files = sorted(file for file in copy.rglob("*") if file.is_file())
        described = [file for file in files if file.name == "metadata"]
        file = _one(described if described and rng.random() < 0.6 else files, rng)
    else:
        file = Path(shutil.copyfile(path, copy))
    file.write_bytes(mutated(file.read_bytes(), rng))
    return copy


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Other bytes: of JSON mostly another value, of all else one to three changes."""
    if content[:1] == b"{" and rng.random() < 0.85:
        return _other_json(content, rng)
    for _ in range(int(rng.integers(1, 4))):
        content = _one(_CHANGES, rng)(content, rng) if content else b"\0"
    return content


def _one(choices: Any, rng: np.random.Generator) -> Any:
    return choices[int(rng.integers(len(choices)))]


def _place(content: bytes, rng: np.random.Generator) -> int:
    """A place in it, rather at its beginning or its end, where formats have their tables."""
    near = int(min(len(content), 10 ** rng.uniform(0, 4)))
    inside = int(rng.integers(max(1, near)))
    return (inside, len(content) - 1 - inside, int(rng.integers(len(content))))[rng.integers(3)]


def _stretch(content: bytes, rng: np.random.Generator) -> slice:
    start = _place(content, rng)
    return slice(start, start + int(10 ** rng.uniform(0, 3)))


def _flipped(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        changed[_place(content, rng)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _filled(content: bytes, rng: np.random.Generator) -> bytes:
    part = _stretch(content, rng)
    length = len(content[part])
    return content[: part.start] + _one((b"\0", b"\xff"), rng) * length + content[part.stop :]


def _field(content: bytes, rng: np.random.Generator) -> bytes:
    """A number of 1, 2, 4 or 8 bytes replaced, as lengths and counts are."""
    size, order = _one([*_FIELD], rng), _one("<>", rng)
    value = np.array(_one(_EDGES, rng) % 256**size, order + _FIELD[size]).tobytes()
    place = _place(content, rng)
    return content[:place] + value + content[place + size :]


def _cut(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: _place(content, rng)]


def _removed(content: bytes, rng: np.random.Generator) -> bytes:
    part = _stretch(content, rng)
    return content[: part.start] + content[part.stop :]


def _repeated(content: bytes, rng: np.random.Generator) -> bytes:
    part = _stretch(content, rng)
    times = int(10 ** rng.uniform(0, 3.5))
    return content[: part.start] + content[part] * times + content[part.stop :]


def _inserted(content: bytes, rng: np.random.Generator) -> bytes:
    part = _stretch(content, rng)
    return content[: part.start] + rng.bytes(part.stop - part.start) + content[part.start :]


def _swapped(content: bytes, rng: np.random.Generator) -> bytes:
    first, middle, last = sorted(_place(content, rng) for _ in range(3))
    return content[:first] + content[middle:last] + content[first:middle] + content[last:]


_CHANGES: tuple[Callable[[bytes, np.random.Generator], bytes], ...] = (
    *(_flipped, _filled, _field, _field, _cut, _removed, _repeated, _inserted, _swapped),
)


def _other_json(content: bytes, rng: np.random.Generator) -> bytes:
    """One value replaced or removed, or the whole nested deeply."""
    try:
        tree = json.loads(content)
    except ValueError:
        return _flipped(content, rng)
    if rng.random() < 0.05:
        return b"[" * 100_000 + content
    node: Any = tree
    while True:
        keys = [*node] if isinstance(node, dict) else range(len(node))
        key = _one(list(keys), rng)
        if not isinstance(node[key], dict | list) or not node[key] or rng.random() < 0.2:
            break
        node = node[key]
    if rng.random() < 0.2:
        del node[key]
    elif isinstance(node, list) and rng.random() < 0.2:
        node *= int(10 ** rng.uniform(0, 5))
    else:
        node[key] = _one(_ODD, rng)
    if isinstance(tree, dict) and CHECKSUM in tree and rng.random() < 0.5:
        tree = _signed(tree)
    return json.dumps(tree).encode()


def _signed(tree: dict[str, Any]) -> dict[str, Any]:
    """With the right checksum, as by someone who wants to be believed; if it can have one."""
    try:
        return with_checksum(tree)
    except (ValueError, RecursionError):
        return tree
