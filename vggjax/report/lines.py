"""Texts in figures: long ones set in lines, users' names made fit to be drawn."""

from textwrap import wrap


def in_lines(text: str, letters: int) -> str:
    """`text` in as few lines of at most so many `letters` as can be, each about as long.

    >>> in_lines("heads on block5_conv3, seed 0", 28)
    'heads on\\nblock5_conv3, seed 0'
    """
    return "\n".join(line for part in text.splitlines() for line in _balanced(part, letters))


def printable(text: str) -> str:
    """`text` with a � for what no font has: control characters, bytes of no known encoding."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def shown(name: str, most: int = 20, end: bool = False) -> str:
    """A user's name, printable and in at most so many letters: its beginning, or its `end`.

    >>> shown("a_very_long_name_of_a_class"), shown("IMG_20240501_173205_HDR.jpg", 16, end=True)
    ('a_very_long_name_of…', '…_173205_HDR.jpg')
    """
    name = printable(name)
    if len(name) <= most:
        return name
    return f"…{name[1 - most :]}" if end else f"{name[: most - 1]}…"


def _balanced(text: str, letters: int) -> list[str]:
    fewest = len(wrap(text, letters))
    widths = range(max(1, len(text) // max(1, fewest)), letters + 1)
    return next((lines for width in widths if len(lines := wrap(text, width)) <= fewest), [text])
