"""Photographs with heat maps laid over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vggjax.report.figure import new_figure

if TYPE_CHECKING:
    from vggjax.report.shown import Figure

STRENGTH = 0.65  # of the colour where the map is 1


def overlaid(images: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Images (N, H, W, 3) uint8: gray where the maps (N, H, W) are 0, in colour up to 1."""
    from matplotlib import colormaps

    gray = images.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    colours = colormaps["inferno"](maps)[..., :3] * 255
    share = STRENGTH * maps[..., None]
    return np.rint(gray * (1 - share) + colours * share).astype(np.uint8)


def heatmap_figure(
    images: np.ndarray, maps: np.ndarray, labels: Sequence[str], note: str = ""
) -> Figure:
    """Each image beside itself with its heat map, under its label; `note` stands below."""
    columns = min(3, len(images))
    rows = -(-len(images) // columns)
    figure = new_figure((4.2 * columns, 2.35 * rows + 0.3), layout="constrained")
    panels = figure.subplots(rows, 2 * columns, squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    shown = overlaid(images, maps)
    for number, label in enumerate(labels):
        row, column = number // columns, 2 * (number % columns)
        panels[row, column].imshow(images[number])
        panels[row, column].set_title(label, fontsize=9, loc="left")
        panels[row, column + 1].imshow(shown[number])
    figure.supxlabel(note, fontsize=8)
    return figure
