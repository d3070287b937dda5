"""A matplotlib figure whose texts are taken as they are; importing it loads matplotlib."""

import io
import warnings
from typing import Any

import matplotlib.figure
from matplotlib.text import Text

from vggjax.report.lines import printable


class Figure(matplotlib.figure.Figure):
    """A matplotlib figure; as the last value of a notebook's cell it is shown.

    Its texts hold names that users gave to folders and files: none is read as a formula, and none
    keeps the figure from being drawn, whatever letters it is in.
    """

    def draw(self, renderer: Any) -> None:
        for text in self.findobj(Text):
            text.set_parse_math(False)
            text.set_text("\n".join(map(printable, text.get_text().split("\n"))))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from")  # boxes say so already
            super().draw(renderer)

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=90)
        return buffer.getvalue()
