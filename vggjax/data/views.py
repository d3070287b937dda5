"""Views of an image: other ways to look at it, each of which gives features of the same shape."""

from dataclasses import dataclass

from vggjax.errors import DataError


@dataclass(frozen=True)
class View:
    """The image at `scale` times the network's size, mirrored left to right if `flip`."""

    scale: float = 1.0
    flip: bool = False


WHOLE = "whole"
VIEWS = {
    WHOLE: View(),
    "flip": View(flip=True),
    "large": View(scale=9 / 7),
    "large-flip": View(scale=9 / 7, flip=True),
}


def view_called(name: str) -> View:
    """The view of that name; DataError if there is none.

    >>> view_called("flip")
    View(scale=1.0, flip=True)
    """
    if name not in VIEWS:
        raise DataError(f"There is no view {name!r}; there are {', '.join(VIEWS)}.")
    return VIEWS[name]
