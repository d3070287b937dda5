"""The primitive shapes of the demo images, as outlines that any pose can be applied to."""

from collections.abc import Callable
from functools import cache

import numpy as np

Outline = np.ndarray  # (V, 2) float64: x to the right, y down, within about [-1, 1]
Shape = tuple[Outline, ...]  # the first outline is filled, any others are holes in it

_CURVE = 36  # points on a round outline


def _angles(count: int) -> np.ndarray:
    return np.linspace(0, 2 * np.pi, count, endpoint=False) - np.pi / 2


def _polar(radius: np.ndarray | float, angle: np.ndarray) -> Outline:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _moved(outline: Outline, x: float, y: float) -> Outline:
    return outline + np.array([x, y])


def _disc(radius: float = 1.0) -> Outline:
    return _polar(radius, _angles(_CURVE))


def _polygon(corners: int, radius: float = 1.0) -> Outline:
    start = 0 if corners % 2 else np.pi / corners  # even polygons stand on a side
    return _polar(radius, _angles(corners) + start)


def _star(points: int, inner: float) -> Outline:
    return _polar(np.tile([1.0, inner], points), _angles(2 * points))


def _lobes(count: int, depth: float) -> Outline:
    angle = _angles(3 * _CURVE)
    return _polar(1 - depth + depth * np.cos(count * (angle + np.pi / 2)), angle)


def _gear(teeth: int = 8) -> Outline:
    return _polar(np.tile([1.0, 1.0, 0.72, 0.72], teeth), _angles(4 * teeth))


def _heart() -> Outline:
    t = _angles(_CURVE)
    x = np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 16
    return np.stack([x, y], axis=1)


def _crescent() -> Outline:
    outer = _polar(1.0, np.linspace(0.25 * np.pi, 1.75 * np.pi, _CURVE))
    inner = _polar(0.76, np.linspace(1.62 * np.pi, 0.38 * np.pi, _CURVE))
    return _moved(np.concatenate([outer, _moved(inner, 0.42, 0.0)]), 0.15, 0.0)


def _drop() -> Outline:
    t = np.linspace(0, 2 * np.pi, _CURVE, endpoint=False)
    return np.stack([0.95 * np.sin(t) * np.sin(t / 2) ** 1.5, -np.cos(t)], axis=1)


def _leaf() -> Outline:
    t = np.linspace(-1, 1, _CURVE // 2)
    side = np.stack([0.5 * (1 - t**2), t], axis=1)
    return np.concatenate([side, -side])


def _dome() -> Outline:
    return _moved(_polar(1.0, np.linspace(np.pi, 2 * np.pi, _CURVE)) * [1.0, 1.2], 0.0, 0.6)


def _band(path: Outline, width: float) -> Outline:
    """The outline of a line of the given width along `path`."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = along[:, ::-1] * [-0.5 * width, 0.5 * width]
    return np.concatenate([path + across, (path - across)[::-1]])


def _spiral() -> Outline:
    turn = np.linspace(0.5, 4.2 * np.pi, 3 * _CURVE)
    return _band(_polar(turn / (4.6 * np.pi), turn), 0.26)


def _corners(*points: float) -> Outline:
    return np.array(points).reshape(-1, 2)


# The name of each shape, and how to draw it.
_SHAPES: dict[str, Callable[[], Shape]] = {
    "disc": lambda: (_disc(0.92),),
    "ring": lambda: (_disc(), _disc(0.55)),
    "triangle": lambda: (_moved(_polygon(3), 0.0, 0.2),),
    "square": lambda: (_polygon(4, 1.15),),
    "frame": lambda: (_polygon(4, 1.3), _polygon(4, 0.7)),
    "pentagon": lambda: (_polygon(5),),
    "hexagon": lambda: (_polygon(6),),
    "star": lambda: (_star(5, 0.42),),
    "spark": lambda: (_star(4, 0.3),),
    "burst": lambda: (_star(10, 0.6),),
    "gear": lambda: (_gear(), _disc(0.3)),
    "flower": lambda: (_lobes(5, 0.28),),
    "clover": lambda: (_lobes(3, 0.36),),
    "heart": lambda: (_heart(),),
    "crescent": lambda: (_crescent(),),
    "drop": lambda: (_drop(),),
    "leaf": lambda: (_leaf(),),
    "dome": lambda: (_dome(),),
    "spiral": lambda: (_spiral(),),
    "cross": lambda: (
        _corners(
            *(-0.33, -1, 0.33, -1, 0.33, -0.33, 1, -0.33, 1, 0.33, 0.33, 0.33),
            *(0.33, 1, -0.33, 1, -0.33, 0.33, -1, 0.33, -1, -0.33, -0.33, -0.33),
        ),
    ),
    "arrow": lambda: (
        _corners(0, -1, 0.8, -0.1, 0.3, -0.1, 0.3, 1, -0.3, 1, -0.3, -0.1, -0.8, -0.1),
    ),
    "bolt": lambda: (_corners(0.25, -1, -0.6, 0.15, -0.05, 0.15, -0.25, 1, 0.6, -0.2, 0.05, -0.2),),
    "hourglass": lambda: (_corners(-0.75, -1, 0.75, -1, 0.18, 0, 0.75, 1, -0.75, 1, -0.18, 0),),
    "zigzag": lambda: (
        _corners(
            *(-1, -0.1, -0.5, -0.75, 0, -0.1, 0.5, -0.75, 1, -0.1),
            *(1, 0.65, 0.5, 0, 0, 0.65, -0.5, 0, -1, 0.65),
        ),
    ),
}

SHAPE_NAMES: tuple[str, ...] = tuple(_SHAPES)


@cache
def shape(name: str) -> Shape:
    """The outlines of the shape with this name, one of `SHAPE_NAMES`; not to be written to."""
    return _SHAPES[name]()
