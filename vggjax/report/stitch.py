"""Equal pictures set in a grid, as one array."""

import math

import numpy as np

MARGIN = 5  # pixels, as in the report (C4, U3, U4)


def square_columns(count: int) -> int:
    """The columns of the smallest square grid that holds `count` pictures."""
    return math.isqrt(max(count - 1, 0)) + 1


def stitch(
    pictures: np.ndarray, columns: int, margin: int = MARGIN, above: int | None = None
) -> np.ndarray:
    """Pictures (n, H, W) or (n, H, W, 3), uint8, row by row on white, `margin` pixels apart.

    `above` each picture are so many pixels, for a label (None: the margin).
    """
    above = margin if above is None else above
    rows = -(-len(pictures) // columns)
    height, width = pictures.shape[1] + above, pictures.shape[2] + margin
    size = (rows * height + margin, columns * width + margin, *pictures.shape[3:])
    canvas = np.full(size, 255, np.uint8)
    for number, picture in enumerate(pictures):
        top, left = corner(number, columns, height, width, margin, above)
        canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return canvas


def corner(
    number: int, columns: int, height: int, width: int, margin: int, above: int
) -> tuple[int, int]:
    """Top and left pixel of a picture whose cells are `height` × `width`."""
    return number // columns * height + above, number % columns * width + margin
