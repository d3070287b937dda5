"""Images side by side, as Matplotlib figures."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure


def image_grid(
    rows: Sequence[np.ndarray], labels: Sequence[str], title: str, *, pairs: int = 1
) -> Figure:
    """One labelled row of images (n, H, W, 3), uint8, per entry of `rows`, with a white margin.

    With `pairs` above 1 the rows are set in that many columns, down first.
    """
    height = -(-len(rows) // pairs)
    count = max(len(row) for row in rows)
    size = 0.62
    figure = Figure(figsize=(size * count * pairs + 0.4, (size + 0.22) * height + 0.5))
    figure.suptitle(title)
    top = 1 - 0.5 / ((size + 0.22) * height + 0.5)
    grid = figure.add_gridspec(height, pairs, top=top, bottom=0.01, left=0.01, right=0.99,
                               wspace=0.03, hspace=0.0)  # fmt: skip
    for number, (images, label) in enumerate(zip(rows, labels, strict=True)):
        axes = figure.add_subplot(grid[number % height, number // height])
        axes.imshow(_side_by_side(images, count), interpolation="nearest")
        axes.set_title(label, fontsize=7, loc="left", pad=2)
        axes.axis("off")
    return figure


def _side_by_side(images: np.ndarray, count: int, margin: int = 3) -> np.ndarray:
    """(n, H, W, 3) → (H, count·(W + margin), 3), white where there is no image."""
    padded = np.pad(images, ((0, count - len(images)), (0, 0), (0, margin), (0, 0)),
                    constant_values=255)  # fmt: skip
    return padded.transpose(1, 0, 2, 3).reshape(images.shape[1], -1, 3)
