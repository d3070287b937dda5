"""A matplotlib figure that a notebook shows; importing it loads matplotlib."""

import io

import matplotlib.figure


class Figure(matplotlib.figure.Figure):
    """A matplotlib figure; as the last value of a notebook's cell it is shown."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=90)
        return buffer.getvalue()
