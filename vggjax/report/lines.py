"""Long texts in figures, set in lines."""

from textwrap import wrap


def in_lines(text: str, letters: int) -> str:
    """`text` in as few lines of at most so many `letters` as can be, each about as long.

    >>> in_lines("heads on block5_conv3, seed 0", 28)
    'heads on\\nblock5_conv3, seed 0'
    """
    return "\n".join(line for part in text.splitlines() for line in _balanced(part, letters))


def _balanced(text: str, letters: int) -> list[str]:
    fewest = len(wrap(text, letters))
    widths = range(max(1, len(text) // max(1, fewest)), letters + 1)
    return next((lines for width in widths if len(lines := wrap(text, width)) <= fewest), [text])
