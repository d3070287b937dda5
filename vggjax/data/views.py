"""Views of an image: other ways to look at it, each of which gives features of the same shape."""

from dataclasses import dataclass

import numpy as np

from vggjax.data.images import Source, decode_image
from vggjax.errors import DataError

# From one value of VGG's last maps to the next, in pixels: other sizes would lose a margin.
STEP = 32


@dataclass(frozen=True)
class View:
    """The image at `scale` ≥ 1 times the network's size, mirrored left to right if `flip`.

    A larger one shows the same part of the photo with more pixels; the network is then applied
    densely (see `vggjax.model.dense_application`). Raises DataError for a scale below 1.

    >>> View(scale=9 / 7).side(224), View(flip=True).side(224)
    (288, 224)
    """

    scale: float = 1.0
    flip: bool = False

    def __post_init__(self) -> None:
        if not self.scale >= 1:
            raise DataError(f"The scale of a view is 1 or more, not {self.scale:g}.")

    def side(self, size: int) -> int:
        """The side of its images for a network that takes `size`, in pixels.

        It is rounded up to a multiple of 32, so that all of a larger image is seen.
        """
        return size if self.scale == 1 else -(-round(size * self.scale) // STEP) * STEP


WHOLE = "whole"
VIEWS = {
    WHOLE: View(),
    "flip": View(flip=True),
    "large": View(scale=9 / 7),
    "large-flip": View(scale=9 / 7, flip=True),
}


def view_called(name: str | View) -> View:
    """The view of that name, or the view itself; DataError if there is none.

    >>> view_called("flip")
    View(scale=1.0, flip=True)
    """
    if isinstance(name, View):
        return name
    if name not in VIEWS:
        raise DataError(f"There is no view {name!r}; there are {', '.join(VIEWS)}.")
    return VIEWS[name]


def decode_view(
    data: Source,
    size: int,
    resize: str = "crop",
    view: str | View = WHOLE,
    name: str | None = None,
) -> np.ndarray:
    """An image as a view of it, uint8 RGB (side, side, 3), 0 … 255.

    `view` is one of VIEWS or a `View` for a network that takes `size` × `size`; its `side` may be
    larger. The rest is as in `decode_image`, and so are the errors; an unknown view is one, too.

    >>> decode_view(b"P5 2 1 255 AZ", 2, "nearest", "flip")[..., 0].tolist()  # a PGM file
    [[90, 65], [90, 65]]
    """
    seen = view_called(view)
    image = decode_image(data, seen.side(size), resize, name)
    return image[:, ::-1] if seen.flip else image
