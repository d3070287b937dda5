"""Figures of feature maps, beside the images they belong to (C4, U3)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vggjax.report.stitch import MARGIN, square_columns, stitch

# Inches: an image with its maps; a name above it; title and headings; note; the whole width.
ROW, GAP, HEAD, FOOT, WIDEST = 2.6, 0.36, 0.85, 0.32, 13.0
LETTERS = 16  # of a name, in an inch
NOTE = (
    "each map is scaled by itself: black is 0, white its largest activation; all black: no response"
)
SHORTEST = 224  # pixels: smaller maps are enlarged, each pixel a square


@dataclass(frozen=True)
class LayerMaps:
    """Some of a layer's maps for N images: `pictures` (N, n, H, W) uint8, and their numbers (n,).

    `channels` is how many maps the layer has.
    """

    layer: str
    numbers: np.ndarray
    channels: int
    pictures: np.ndarray


def maps_figure(
    images: np.ndarray,
    names: Sequence[str],
    layers: Sequence[LayerMaps],
    title: str,
    columns: int | None = None,
) -> Figure:
    """A row for each image (N, S, S, 3), uint8: the image, then a grid of maps for each layer.

    The grids are square, or have `columns` columns; maps are MARGIN pixels apart, on white.
    """
    grids = [_grid(maps, columns) for maps in layers]
    ratios = [1.0, *(grid[0].shape[1] / grid[0].shape[0] for grid in grids)]
    row = min(ROW, WIDEST / sum(ratios))
    width, height = row * sum(ratios) * 1.06 + 0.2, (row + GAP) * len(images) - GAP + HEAD + FOOT
    figure = Figure(figsize=(width, height))
    places = figure.add_gridspec(
        len(images), len(ratios), width_ratios=ratios, left=0.1 / width, right=1 - 0.1 / width,
        top=1 - HEAD / height, bottom=FOOT / height, wspace=0.06, hspace=GAP / row,
    )  # fmt: skip
    for number, (image, name) in enumerate(zip(images, names, strict=True)):
        _show(figure.add_subplot(places[number, 0]), image, _short(name, int(row * LETTERS)))
        for column, (maps, grid) in enumerate(zip(layers, grids, strict=True), start=1):
            heading = _heading(maps, columns) if number == 0 else ""
            _show(figure.add_subplot(places[number, column]), grid[number], heading)
    figure.suptitle(title, fontsize=11, y=1 - 0.1 / height, va="top")
    figure.text(0.5, 0.12 / height, NOTE, ha="center", va="center", fontsize=8, color="0.3")
    return figure


def _grid(maps: LayerMaps, columns: int | None) -> np.ndarray:
    """The grid of each image, (N, height, width)."""
    columns = columns or square_columns(len(maps.numbers))
    times = max(1, -(-SHORTEST // maps.pictures.shape[2]))
    large = maps.pictures.repeat(times, axis=2).repeat(times, axis=3)
    return np.stack([stitch(pictures, columns, MARGIN) for pictures in large])


def _heading(maps: LayerMaps, columns: int | None) -> str:
    height, width = maps.pictures.shape[2:]
    columns = columns or square_columns(len(maps.numbers))
    numbers = maps.numbers.tolist()
    rows = [numbers[start : start + columns] for start in range(0, len(numbers), columns)]
    listed = " / ".join(", ".join(map(str, row)) for row in rows)
    which = f"maps {listed}" if len(numbers) <= 16 else f"{len(numbers)} maps"
    return f"{maps.layer}: {which}\n(of {maps.channels}, each {height} x {width})"


def _short(name: str, most: int) -> str:
    """A name such as class/file on two lines, each cut to `most` letters."""
    lines = name.split("/")[-2:]
    return "\n".join(line if len(line) <= most else f"{line[: most - 1]}…" for line in lines)


def _show(axes: Axes, picture: np.ndarray, title: str) -> None:
    if picture.ndim == 2:
        axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
    else:
        axes.imshow(picture)
    axes.set_title(title, fontsize=8, pad=4)
    axes.axis("off")
