"""Finds a VGG's table of tensors among all that a checkpoint of PyTorch's holds."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from vggjax.model.config import DEPTHS

Value = TypeVar("Value")
DEEPEST = 8  # tables within tables
DEEPEST_NAME = 16  # modules within modules, by their names


def tables_in(tree: Any, kind: type[Value]) -> list[dict[str, Value]]:
    """All tables from names to values of a `kind` in nested dictionaries, the outermost first.

    >>> tables_in({"epoch": 3, "model": {"a": 1.5, "b": "x"}}, float)
    [{'a': 1.5}]
    """
    found, level, seen = [], [tree], set[int]()
    for _ in range(DEEPEST):
        dictionaries = {id(each): each for each in level if isinstance(each, dict)}
        new = [each for number, each in dictionaries.items() if number not in seen]
        seen |= dictionaries.keys()  # one may hold another often, and be in itself
        for each in new:
            table = {k: v for k, v in each.items() if type(k) is str and type(v) is kind}
            found += [table] if table else []
        level = [value for each in new for value in each.values()]
    return found


def best_table(tables: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The first table, or part of one under a common prefix, with as many convolutions as a VGG.

    Without one, the table with the most of them. Of values only the `shape` is looked at.
    """
    for table in tables:
        for part in (table, *_parts(table)):
            if convolutions_in(part) in DEPTHS:
                return dict(part)
    return max(map(dict, tables), key=convolutions_in, default={})


def convolutions_in(table: Mapping[str, Any]) -> int:
    """How many kernels of 3×3 convolutions a table has, in PyTorch's order of axes."""
    return sum(len(value.shape) == 4 and value.shape[2:] == (3, 3) for value in table.values())


def _parts(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The tensors under each prefix of their names, the shortest first."""
    parts: dict[str, dict[str, Any]] = {}
    for name, value in table.items():
        words = name.split(".", DEEPEST_NAME)
        for count in range(1, len(words)):
            parts.setdefault(".".join(words[:count]) + ".", {})[name] = value
    by_length = sorted(parts, key=lambda prefix: prefix.count("."))
    return [parts[prefix] for prefix in by_length]
