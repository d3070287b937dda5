"""Pictures set in grids: stitched into one array, or as figures with a label over each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vggjax.report.figure import new_figure
from vggjax.report.lines import in_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from vggjax.report.shown import Figure

MARGIN = 5  # pixels, as in the reference (C4, U3, U4)
INCHES = 1.35  # width of a picture
TITLE, SMALL = (11.5, 0.2), (15.5, 0.15)  # letters in an inch, and inches for a line


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
    corners = _corners(len(pictures), columns, height, width, margin, above)
    for picture, (top, left) in zip(pictures, corners, strict=True):
        canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return canvas


def labelled_grid(
    axes: Axes, pictures: np.ndarray, labels: Sequence[str], columns: int, size: float = 7
) -> None:
    """Pictures (n, H, W) gray or (n, H, W, 3), uint8, each under its label of `size` points."""
    strip = max(MARGIN, round(0.13 * pictures.shape[1]))
    axes.imshow(stitch(pictures, columns, above=strip), cmap="gray", vmin=0, vmax=255)
    axes.axis("off")
    height, width = pictures.shape[1] + strip, pictures.shape[2] + MARGIN
    corners = _corners(len(pictures), columns, height, width, MARGIN, strip)
    for label, (top, left) in zip(labels, corners, strict=True):
        axes.text(left, top - 2, label, fontsize=size, va="bottom", ha="left")


def filter_figure(pictures: np.ndarray, labels: Sequence[str], title: str, note: str) -> Figure:
    """A square grid of pictures (n, S, S, 3), uint8, each under its label, in the given order.

    `note` says below them what is seen.
    """
    return _grid_figure(pictures, labels, square_columns(len(pictures)), title, note)


def activating_figure(
    pictures: np.ndarray,
    images: np.ndarray,
    labels: Sequence[Sequence[str]],
    title: str,
    note: str,
) -> Figure:
    """A row for each filter: its picture (n, S, S, 3), then k images (n, k, S, S, 3), all uint8.

    `labels` has 1 + k texts for each row.
    """
    rows = np.concatenate([pictures[:, None], images], axis=1)
    flat = rows.reshape(-1, *rows.shape[2:])
    texts = [text for row in labels for text in row]
    return _grid_figure(flat, texts, rows.shape[1], title, note)


def image_grid(
    rows: Sequence[np.ndarray], labels: Sequence[str], title: str, *, pairs: int = 1
) -> Figure:
    """One labelled row of images (n, H, W, 3), uint8, per entry of `rows`, with a white margin.

    With `pairs` above 1 the rows are set in that many columns, down first.
    """
    height = -(-len(rows) // pairs)
    count = max(len(row) for row in rows)
    size = 0.62
    figure = new_figure((size * count * pairs + 0.4, (size + 0.22) * height + 0.5))
    figure.suptitle(title)
    top = 1 - 0.5 / ((size + 0.22) * height + 0.5)
    grid = figure.add_gridspec(height, pairs, top=top, bottom=0.01, left=0.01, right=0.99,
                               wspace=0.03, hspace=0.0)  # fmt: skip
    for number, (images, label) in enumerate(zip(rows, labels, strict=True)):
        axes = figure.add_subplot(grid[number % height, number // height])
        missing = ((0, count - len(images)), (0, 0), (0, 0), (0, 0))
        row = np.pad(images, missing, constant_values=255)
        axes.imshow(stitch(row, count, margin=3, above=0), interpolation="nearest")
        axes.set_title(label, fontsize=7, loc="left", pad=2)
        axes.axis("off")
    return figure


def readable(value: float) -> str:
    """A number as a person reads it: 12,200, 34.5 or 0.0345."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if size >= 0.001 or not size else f"{value:.4f}"


def _grid_figure(
    pictures: np.ndarray, labels: Sequence[str], columns: int, title: str, note: str
) -> Figure:
    size, strip = pictures.shape[1], max(MARGIN, round(0.13 * pictures.shape[1]))
    rows = -(-len(pictures) // columns)
    scale = INCHES / size
    width = max((columns * (size + MARGIN) + MARGIN) * scale, 5.0)
    height = (rows * (size + strip) + MARGIN) * scale
    title, note = in_lines(title, int(width * TITLE[0])), in_lines(note, int(width * SMALL[0]))
    head, foot = _height(title, TITLE[1]), _height(note, SMALL[1])
    total = height + head + foot
    figure = new_figure((width, total))
    figure.text(0.5, 1 - head / 2 / total, title, ha="center", va="center", fontsize=11)
    figure.text(0.5, foot / 2 / total, note, ha="center", va="center", fontsize=7.5, color="0.3")
    axes = figure.add_axes((0, foot / total, 1, height / total))
    labelled_grid(axes, pictures, labels, columns)
    return figure


def _height(text: str, line: float) -> float:
    """Inches that a text takes, with some air around it."""
    return line * (text.count("\n") + 1) + 0.16


def _corners(
    count: int, columns: int, height: int, width: int, margin: int, above: int
) -> Iterable[tuple[int, int]]:
    """Top and left pixel of each picture, in cells of `height` × `width`."""
    for number in range(count):
        yield number // columns * height + above, number % columns * width + margin
