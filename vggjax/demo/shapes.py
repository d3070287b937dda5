"""The primitive shapes of the demo images, as outlines that any pose can be applied to."""

import numpy as np

Outline = np.ndarray  # (V, 2) float64: x to the right, y down, within about [-1, 1]
Shape = tuple[Outline, ...]  # the first outline is filled, any others are holes in it

_CURVE = 36  # points on a round outline


def _angles(count: int) -> np.ndarray:
    return np.linspace(0, 2 * np.pi, count, endpoint=False) - np.pi / 2


def _polar(radius: np.ndarray | float, angle: np.ndarray) -> Outline:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _polygon(repeats: int, *radii: float, turn: float = 0.0) -> Outline:
    """Corners at equal angles: `repeats` times in turn, these distances from the centre."""
    angles = _angles(repeats * len(radii)) + turn
    return _polar(np.tile(radii, repeats), angles)


def _lobes(count: int, depth: float) -> Outline:
    angle = _angles(3 * _CURVE)
    return _polar(1 - depth + depth * np.cos(count * (angle + np.pi / 2)), angle)


def _heart() -> Outline:
    t = _angles(_CURVE)
    x = np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 16
    return np.stack([x, y], axis=1)


def _crescent() -> Outline:
    outer = _polar(1.0, np.linspace(0.25 * np.pi, 1.75 * np.pi, _CURVE))
    inner = _polar(0.76, np.linspace(1.62 * np.pi, 0.38 * np.pi, _CURVE))
    joined = np.concatenate([outer, np.add(inner, [0.42, 0.0])])
    return np.add(joined, [0.15, 0.0])


def _drop() -> Outline:
    t = np.linspace(0, 2 * np.pi, _CURVE, endpoint=False)
    return np.stack([0.95 * np.sin(t) * np.sin(t / 2) ** 1.5, -np.cos(t)], axis=1)


def _leaf() -> Outline:
    t = np.linspace(-1, 1, _CURVE // 2)
    side = np.stack([0.5 * (1 - t**2), t], axis=1)
    return np.concatenate([side, -side])


def _dome() -> Outline:
    return _polar(1.0, np.linspace(np.pi, 2 * np.pi, _CURVE)) * [1.0, 1.2] + [0.0, 0.6]


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


# The outlines of each shape, not to be written to; even polygons are turned to stand on a side.
SHAPES: dict[str, Shape] = {
    "disc": (_polygon(_CURVE, 0.92),),
    "ring": (_polygon(_CURVE, 1.0), _polygon(_CURVE, 0.55)),
    "triangle": (np.add(_polygon(3, 1.0), [0.0, 0.2]),),
    "square": (_polygon(4, 1.15, turn=np.pi / 4),),
    "frame": (_polygon(4, 1.3, turn=np.pi / 4), _polygon(4, 0.7, turn=np.pi / 4)),
    "pentagon": (_polygon(5, 1.0),),
    "hexagon": (_polygon(6, 1.0, turn=np.pi / 6),),
    "star": (_polygon(5, 1.0, 0.42),),
    "spark": (_polygon(4, 1.0, 0.3),),
    "burst": (_polygon(10, 1.0, 0.6),),
    "gear": (_polygon(8, 1.0, 1.0, 0.72, 0.72), _polygon(_CURVE, 0.3)),
    "flower": (_lobes(5, 0.28),),
    "clover": (_lobes(3, 0.36),),
    "heart": (_heart(),),
    "crescent": (_crescent(),),
    "drop": (_drop(),),
    "leaf": (_leaf(),),
    "dome": (_dome(),),
    "spiral": (_spiral(),),
    "cross": (
        _corners(
            *(-0.33, -1, 0.33, -1, 0.33, -0.33, 1, -0.33, 1, 0.33, 0.33, 0.33),
            *(0.33, 1, -0.33, 1, -0.33, 0.33, -1, 0.33, -1, -0.33, -0.33, -0.33),
        ),
    ),
    "arrow": (_corners(0, -1, 0.8, -0.1, 0.3, -0.1, 0.3, 1, -0.3, 1, -0.3, -0.1, -0.8, -0.1),),
    "bolt": (_corners(0.25, -1, -0.6, 0.15, -0.05, 0.15, -0.25, 1, 0.6, -0.2, 0.05, -0.2),),
    "hourglass": (_corners(-0.75, -1, 0.75, -1, 0.18, 0, 0.75, 1, -0.75, 1, -0.18, 0),),
    "zigzag": (
        _corners(
            *(-1, -0.1, -0.5, -0.75, 0, -0.1, 0.5, -0.75, 1, -0.1),
            *(1, 0.65, 0.5, 0, 0, 0.65, -0.5, 0, -1, 0.65),
        ),
    ),
}
