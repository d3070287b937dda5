"""What goes wrong in a way that the user can mend."""

from collections.abc import Sequence


class VggjaxError(Exception):
    """A mistake that the user can mend; its message is one clear sentence.

    Scripts print the message on stderr and exit with status 2.
    """


class WeightsError(VggjaxError):
    """A weight file or checkpoint is missing, damaged, unsafe or of another architecture."""


class DataError(VggjaxError):
    """A data set, an image or a split cannot be used as asked."""


class LayerError(VggjaxError):
    """A layer is asked for that the network does not have, or that does not fit there."""


class VggjaxWarning(UserWarning):
    """What is very probably not meant, though it can be computed; said by Python's `warnings`."""


def one_line(error: Exception | str) -> str:
    """What an error or a text says, on one line of at most 200 characters; its type if nothing."""
    text = " ".join(str(error).split()).rstrip(".")
    return f"{text[:200]}…" if len(text) > 200 else text or type(error).__name__


def listed(names: Sequence[str], last: str = "and", most: int = 10) -> str:
    """Names as a sentence lists them, at most so many.

    >>> listed(["a", "b", "c"]), listed(["a", "b", "c"], most=1)
    ('a, b and c', 'a … and 2 more')
    """
    if len(names) > most:
        return f"{', '.join(names[:most])} … and {len(names) - most:,} more"
    return f" {last} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
