"""Figures of what excites filters: pictures found by gradient ascent, and images of a set (U4)."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vggjax.report.stitch import MARGIN, corner, square_columns, stitch

INCHES = 1.35  # width of a picture
HEAD, FOOT = 0.42, 0.5  # inches for title and note


def filter_figure(pictures: np.ndarray, labels: Sequence[str], title: str, note: str) -> Figure:
    """A square grid of pictures (n, S, S, 3), uint8, each under its label, in the given order.

    `note` says below them what is seen.
    """
    return _labelled(pictures, labels, square_columns(len(pictures)), title, note)


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
    return _labelled(flat, texts, rows.shape[1], title, note)


def _labelled(
    pictures: np.ndarray, labels: Sequence[str], columns: int, title: str, note: str
) -> Figure:
    size = pictures.shape[1]
    strip = max(MARGIN, round(0.13 * size))  # above each picture, for its label
    canvas = stitch(pictures, columns, above=strip)
    scale = INCHES / size
    width, height = max(canvas.shape[1] * scale, 5.0), canvas.shape[0] * scale
    total = height + HEAD + FOOT
    figure = Figure(figsize=(width, total))
    figure.text(0.5, 1 - 0.18 / total, title, ha="center", va="center", fontsize=11)
    figure.text(0.5, FOOT / 2 / total, note, ha="center", va="center", fontsize=7.5, color="0.3")
    axes = figure.add_axes((0, FOOT / total, 1, height / total))
    axes.imshow(canvas)
    axes.axis("off")
    for number, label in enumerate(labels):
        _label(axes, label, corner(number, columns, size + strip, size + MARGIN, MARGIN, strip))
    return figure


def _label(axes: Axes, label: str, place: tuple[int, int]) -> None:
    top, left = place
    axes.text(left, top - 2, label, fontsize=7, va="bottom", ha="left")
