"""What goes wrong in a way that the user can mend, and how it is put into words."""

from collections.abc import Sequence
from errno import ENOENT

# Control characters, and those that end a line or turn the direction of writing round: a name that
# has one would break a table, or give the terminal an order.
_UNSEEN = (*range(32), *range(127, 160), *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_LONGEST = 2000  # characters
_AS_ESCAPES = {code: chr(code).encode("unicode_escape").decode() for code in _UNSEEN}


class VggjaxError(Exception):
    """A mistake that the user can mend; its message is one clear sentence.

    Scripts print the message on stderr and exit with status 2. Names in it are `visible`, and
    however long those of a file are, it has at most 2,000 characters.
    """

    def __str__(self) -> str:
        return cut(visible(super().__str__()), _LONGEST)


class WeightsError(VggjaxError):
    """A weight file or checkpoint is missing, damaged, unsafe or of another architecture."""


class DataError(VggjaxError):
    """A data set, an image or a split cannot be used as asked."""


class LayerError(VggjaxError):
    """A layer is asked for that the network does not have, or that does not fit there."""


class VggjaxWarning(UserWarning):
    """What is very probably not meant, though it can be computed; said by Python's `warnings`."""


def refusal(error: OSError) -> str:
    """What the system refused, as a sentence with the file's name."""
    # The one file that has no name, and can be missed, is the folder that a program runs in.
    nameless = "The current folder" if error.errno == ENOENT else "A file"
    return visible(f"{error.filename or nameless}: {error.strerror or error}.")


def one_line(error: Exception | str) -> str:
    """What an error or a text says, on one line of at most 200 characters; its type if nothing."""
    text = " ".join(str(error).split()).rstrip(".")
    return cut(text, 200) or type(error).__name__


def listed(names: Sequence[str], last: str = "and", most: int = 10) -> str:
    """Names as a sentence lists them, at most so many.

    >>> listed(["a", "b", "c"]), listed(["a", "b", "c"], most=1)
    ('a, b and c', 'a … and 2 more')
    """
    if len(names) > most:
        return f"{', '.join(names[:most])} … and {len(names) - most:,} more"
    return f" {last} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def cut(text: str, most: int) -> str:
    """A text of at most `most` characters, with an ellipsis if it was longer.

    >>> cut("a long text", 6)
    'a lon…'
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"


def shown(text: str, most: int = 500) -> str:
    """A text of a file as a terminal may be given it: on one line, `visible` and not endless."""
    return cut(visible(text), most)


def visible(text: str) -> str:
    """A text with a user's names on one line, what can't be seen in it as Python writes it.

    >>> print(visible("two\\nlines \\x1b[31mred"))
    two\\nlines \\x1b[31mred
    """
    return text.translate(_AS_ESCAPES)
