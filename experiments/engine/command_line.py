"""An options class as a command line, and options as text, as JSON and as an identity."""

import argparse
import hashlib
import shlex
import types
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from engine.options import OptionsT, RunOptions, flag

WIDTH = 80  # columns of a help text


def parse(
    kind: type[OptionsT], description: str, arguments: Sequence[str] | None = None
) -> OptionsT:
    """The options in `arguments` (the command line's if None); exits with status 2 if they aren't.

    Raises DataError for values that make no sense.
    """
    formatter = partial(argparse.RawDescriptionHelpFormatter, width=WIDTH)
    parser = argparse.ArgumentParser(
        usage="%(prog)s [options]", description=description, formatter_class=formatter
    )
    hints = get_type_hints(kind)
    groups = {c: parser.add_argument_group(c.group) for c in sorted(_declaring(kind), key=_rank)}
    for each in fields(kind):
        group = next(group for c, group in groups.items() if each.name in _own(c))
        group.add_argument(flag(each.name), **_keywords(each, hints[each.name]))
    return kind(**vars(parser.parse_args(arguments)))


def command(options: RunOptions, script: str) -> str:
    """The command line that gives these options."""
    words = ["python", f"experiments/{script}.py"]
    for each in fields(options):
        value = getattr(options, each.name)
        if value == each.default or each.name in ("again", "process"):
            continue
        words.append(f"--no-{each.name}" if value is False else flag(each.name))
        values = value if isinstance(value, tuple) else (value,)
        words += [] if isinstance(value, bool) else [_shown(v) for v in values]
    return shlex.join(words)


def settings(options: RunOptions) -> dict[str, Any]:
    """All options as JSON-compatible data."""
    return {each.name: _plain(getattr(options, each.name)) for each in fields(options)}


def identity(options: RunOptions) -> dict[str, Any]:
    """The options that the numbers depend on; of files, their content."""
    chosen = [each.name for each in fields(options) if not each.metadata["beside"]]
    return {name: _content(getattr(options, name)) for name in chosen}


def _declaring(kind: type) -> list[Any]:
    return [c for c in kind.__mro__ if "group" in vars(c)]


def _rank(kind: Any) -> int:
    return kind.rank


def _own(declaring: type) -> set[str]:
    """The options that belong to a class: those that none of its bases has."""
    bases = [vars(base).get("__annotations__", {}) for base in declaring.__mro__[1:]]
    return set(vars(declaring)["__annotations__"]).difference(*bases)


def _keywords(each: Any, hint: Any) -> dict[str, Any]:
    about, default = each.metadata, each.default
    if hint is bool:
        text = f"{about['help']} (default: {'on' if default else 'off'})"
        return {"action": argparse.BooleanOptionalAction if default else "store_true",
                "default": default, "help": text}  # fmt: skip
    several = get_origin(hint) is tuple
    union = get_origin(hint) is types.UnionType
    inner = get_args(hint)[0] if several or union else hint
    shown = " ".join(map(_shown, default)) if several else _shown(default)
    text = about["help"] if default in (None, ()) else f"{about['help']} (default: {shown})"
    keywords = {"type": inner, "default": default, "help": text.replace("%", "%%")}
    keywords |= {key: about[key] for key in ("metavar", "choices") if about[key]}
    return keywords | ({"nargs": "+", "action": _Tuple} if several else {})


class _Tuple(argparse.Action):
    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        setattr(namespace, self.dest, tuple(values))


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def _content(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_content(each) for each in value]
    if isinstance(value, Path) and value.is_file():
        return hashlib.sha256(value.read_bytes()).hexdigest()
    return _plain(value)
