"""Painting textured shapes in any pose on a small float image."""

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from vggjax.demo.shapes import Outline

SIDE = 64  # pixels of a demo image's side
_FINER = 4  # outlines are drawn this much finer and averaged, for soft edges

Colour = np.ndarray  # (3,) float32 RGB in [0, 1]
Grid = tuple[np.ndarray, np.ndarray]  # x and y at each pixel, each (SIDE, SIDE) float32

_Y, _X = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) + np.float32(0.5)
PIXELS: Grid = (_X, _Y)


def colour(hue: float, lightness: float, saturation: float) -> Colour:
    """A colour from its hue (any real number, 1 is a full turn), lightness and saturation."""
    lightness = min(max(lightness, 0.0), 1.0)
    return np.array(colorsys.hls_to_rgb(hue % 1.0, lightness, saturation), dtype=np.float32)


@dataclass(frozen=True)
class Pose:
    """An affine map and a slight perspective, of an object to pixels or a part to its object."""

    matrix: np.ndarray  # (2, 2)
    shift: np.ndarray  # (2,) where the middle lands
    bend: np.ndarray  # (2,) how fast depth grows along each axis

    def apply(self, points: Outline) -> Outline:
        """Where points (V, 2) land, (V, 2)."""
        flat = points @ self.matrix.T
        return flat / (1 + flat @ self.bend)[:, None] + self.shift

    def undo(self, grid: Grid) -> Grid:
        """The coordinates that land at each of those given."""
        x, y = (axis - np.float32(middle) for axis, middle in zip(grid, self.shift, strict=True))
        depth = 1 - np.float32(self.bend[0]) * x - np.float32(self.bend[1]) * y
        (a, b), (c, d) = np.linalg.inv(self.matrix).astype(np.float32)
        return (a * x + b * y) / depth, (c * x + d * y) / depth


def rotation(angle: float) -> np.ndarray:
    """The (2, 2) matrix of a rotation by `angle` radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])


def coverage(outlines: Sequence[Outline]) -> np.ndarray:
    """How much of each pixel lies inside outlines given in pixels: (SIDE, SIDE, 1) in [0, 1]."""
    mask = Image.new("L", (SIDE * _FINER, SIDE * _FINER))
    draw = ImageDraw.Draw(mask)
    for number, outline in enumerate(outlines):
        draw.polygon((outline * _FINER).ravel().tolist(), fill=0 if number else 255)
    return np.asarray(mask.reduce(_FINER), dtype=np.float32)[..., None] / 255


def blend(canvas: np.ndarray, mask: np.ndarray, paint: np.ndarray) -> np.ndarray:
    """`canvas` (SIDE, SIDE, 3) with `paint` (anything that broadcasts to it) where `mask` is 1."""
    return canvas + mask * (paint - canvas)


def ramp(angle: float) -> np.ndarray:
    """A linear ramp over the image in the direction of `angle`, from about -1 to 1, (S, S, 1)."""
    half = SIDE / 2
    along = np.float32(np.cos(angle)) * (_X - half) + np.float32(np.sin(angle)) * (_Y - half)
    return (along / half)[..., None]
