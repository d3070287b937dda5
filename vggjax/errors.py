"""What goes wrong in a way that the user can mend."""


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
