"""Figures of feature maps, beside the images they belong to (C4, U3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vggjax.report.figure import new_figure
from vggjax.report.grids import MARGIN, SMALL, TITLE, labelled_grid, readable, square_columns
from vggjax.report.lines import in_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from vggjax.report.shown import Figure

# Inches: an image with its maps; a name above it; title and headings; note; the whole width.
ROW, GAP, HEAD, FOOT, WIDEST = 2.6, 0.36, 0.85, 0.32, 13.0
LETTERS = 16  # of a name, in an inch
NOTE = (
    "over each map its number and its largest activation; white is the largest of the {}, black is "
    "0; all black: no response"
)
SHORTEST = 224  # pixels: smaller maps are enlarged, each pixel a square


@dataclass(frozen=True)
class LayerMaps:
    """Some of a layer's maps for N images: `pictures` (N, n, H, W) uint8, and their numbers (n,).

    `largest` (N, n) are the maps' largest activations, `channels` is how many maps the layer has.
    """

    layer: str
    numbers: np.ndarray
    channels: int
    pictures: np.ndarray
    largest: np.ndarray


def maps_figure(
    images: np.ndarray,
    names: Sequence[str],
    layers: Sequence[LayerMaps],
    title: str,
    columns: int | None = None,
    scale: str = "map",
) -> Figure:
    """A row for each image (N, S, S, 3), uint8: the image, then a grid of maps for each layer.

    The grids are square, or have `columns` columns; maps are MARGIN pixels apart, on white. `scale`
    says of what the largest value is white: of each "map", or of the "grid".
    """
    across = [columns or square_columns(len(maps.numbers)) for maps in layers]
    ratios = [1.0, *(_ratio(maps, count) for maps, count in zip(layers, across, strict=True))]
    row = min(ROW, WIDEST / sum(ratios))
    width = row * sum(ratios) * 1.06 + 0.2
    title = in_lines(title, int(width * TITLE[0]))
    note = in_lines(NOTE.format(scale), int(width * SMALL[0]))
    head, foot = HEAD + TITLE[1] * title.count("\n"), FOOT + SMALL[1] * note.count("\n")
    height = (row + GAP) * len(images) - GAP + head + foot
    figure = new_figure((width, height))
    cells = figure.add_gridspec(
        len(images), len(ratios), width_ratios=ratios, left=0.1 / width, right=1 - 0.1 / width,
        top=1 - head / height, bottom=foot / height, wspace=0.06, hspace=GAP / row,
    )  # fmt: skip
    for number, (image, name) in enumerate(zip(images, names, strict=True)):
        axes = figure.add_subplot(cells[number, 0])
        axes.imshow(image)
        axes.axis("off")
        axes.set_title(_short(name, int(row * LETTERS)), fontsize=8, pad=4)
        for column, (maps, count) in enumerate(zip(layers, across, strict=True), start=1):
            axes = figure.add_subplot(cells[number, column])
            _maps_of_an_image(axes, maps, number, count)
            axes.set_title(_heading(maps) if number == 0 else "", fontsize=8, pad=4)
    figure.suptitle(title, fontsize=11, y=1 - 0.1 / height, va="top")
    figure.text(0.5, foot / 2 / height, note, ha="center", va="center", fontsize=8, color="0.3")
    return figure


def _maps_of_an_image(axes: Axes, maps: LayerMaps, number: int, columns: int) -> None:
    times = max(1, -(-SHORTEST // maps.pictures.shape[2]))
    pictures = maps.pictures[number].repeat(times, axis=1).repeat(times, axis=2)
    pairs = zip(maps.numbers.tolist(), maps.largest[number].tolist(), strict=True)
    labels = [f"{which}: {readable(top)}" for which, top in pairs]
    labelled_grid(axes, pictures, labels, columns, size=6)


def _ratio(maps: LayerMaps, columns: int) -> float:
    """Width over height of a layer's grid, its labels and margins included."""
    side = SHORTEST * max(1, -(-maps.pictures.shape[2] // SHORTEST))
    rows = -(-len(maps.numbers) // columns)
    return columns * (side + MARGIN) / (rows * (side * 1.13 + MARGIN))


def _heading(maps: LayerMaps) -> str:
    height, width = maps.pictures.shape[2:]
    return f"{maps.layer}\n({len(maps.numbers)} of {maps.channels} maps, each {height} x {width})"


def _short(name: str, most: int) -> str:
    """A name such as class/file on two lines, each cut to `most` letters."""
    lines = name.split("/")[-2:]
    return "\n".join(line if len(line) <= most else f"{line[: most - 1]}…" for line in lines)
