"""Figures that need no window; matplotlib is loaded for the first of them, and not before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.ticker import PercentFormatter

    from vggjax.report.shown import Figure


def new_figure(size: tuple[float, float], layout: Literal["constrained"] | None = None) -> Figure:
    """An empty figure of so many inches, (width, height)."""
    from vggjax.report.shown import Figure  # takes as long as half of all other imports

    return Figure(figsize=size, layout=layout)


def percents() -> PercentFormatter:
    """The labels of an axis of shares, 0–1: whole percents."""
    from matplotlib.ticker import PercentFormatter

    return PercentFormatter(1, decimals=0)
