"""Painting a class's object: its pose, its colours and its parts."""

from dataclasses import dataclass

import numpy as np

from vggjax.data.demo.canvas import (
    SIDE,
    Colour,
    Grid,
    Pose,
    blend,
    colour,
    coverage,
    turned,
)
from vggjax.data.demo.classes import DemoClass, Motif, Spot
from vggjax.data.demo.shapes import Outline, shape
from vggjax.data.demo.textures import TEXTURES
from vggjax.data.demo.variation import Variation

_DARKEST, _LIGHTEST = 0.12, 0.9


def paint_object(
    canvas: np.ndarray,
    kind: DemoClass,
    backdrop: float,
    variation: Variation,
    rng: np.random.Generator,
) -> np.ndarray:
    """`canvas` (SIDE, SIDE, 3) with the object in front, lighter or darker than `backdrop`."""
    pose = _pose(variation, rng)
    tone = _apart(backdrop, rng)
    tones = (tone, _apart(tone, rng))
    motifs = (kind.first, kind.second)
    paints = [_colours(m, tone, variation, rng) for m, tone in zip(motifs, tones, strict=True)]
    grid = pose.grid()
    for spot in kind.spots:
        place = _placement(spot, variation, rng)
        motif = motifs[spot.second]
        mask = coverage(tuple(pose.to_pixels(place.put(o)) for o in shape(motif.shape)))
        cycles = 1.8 + 3 * spot.size  # fewer on small parts, where fine ones would blur away
        x, y = place.local(grid)
        pattern = TEXTURES[motif.texture](x, y, cycles, rng)[..., None]
        one, two = paints[spot.second]
        canvas = blend(canvas, mask, one + pattern * (two - one))
    return canvas


def _pose(variation: Variation, rng: np.random.Generator) -> Pose:
    radius = SIDE / 2 * rng.uniform(*variation.scale)
    limit = np.radians(variation.rotation)
    lean = rng.uniform(-1, 1) * variation.shear
    height = 1 + rng.uniform(-1, 1) * variation.stretch
    width = -1.0 if rng.random() < variation.flip else 1.0
    free = max(SIDE / 2 - 0.95 * radius, 2.0)  # the object stays in the image, nearly whole
    return Pose(
        radius * turned(rng.uniform(-limit, limit)) @ [[width, lean], [0, height]],
        SIDE / 2 + rng.uniform(-free, free, 2),
        rng.uniform(-1, 1, 2) * variation.perspective / radius,
    )


@dataclass(frozen=True)
class _Placement:
    """Where a part stands in the object: turned and sized, shifted, and bent out of shape."""

    centre: np.ndarray  # (2,)
    matrix: np.ndarray  # (2, 2)
    wobble: np.ndarray  # (2,)

    def put(self, outline: Outline) -> Outline:
        """A shape's outline in the object's coordinates."""
        bent = outline + self.wobble * np.sin(2.5 * outline[:, ::-1] + 40 * self.wobble)
        return bent @ self.matrix.T + self.centre

    def local(self, grid: Grid) -> Grid:
        """The part's own coordinates from the object's, at each pixel."""
        (a, b), (c, d) = np.linalg.inv(self.matrix).astype(np.float32)
        x, y = (axis - np.float32(middle) for axis, middle in zip(grid, self.centre, strict=True))
        return a * x + b * y, c * x + d * y


def _placement(spot: Spot, variation: Variation, rng: np.random.Generator) -> _Placement:
    centre = np.array([spot.x, spot.y]) + rng.uniform(-1, 1, 2) * variation.part_shift
    size = spot.size * (1 + rng.uniform(-1, 1) * variation.part_size)
    turn = turned(np.radians(rng.uniform(-1, 1) * variation.part_turn))
    return _Placement(centre, size * turn, rng.uniform(-1, 1, 2) * variation.wobble)


def _colours(
    motif: Motif, lightness: float, variation: Variation, rng: np.random.Generator
) -> tuple[Colour, Colour]:
    """A motif's two colours in one image: the ground and the pattern."""
    stray = rng.random() < variation.stray_hue
    hue = rng.random() if stray else motif.hue + rng.normal(0, variation.hue)
    ground = colour(hue, lightness, rng.uniform(0.5, 1.0))
    near = hue + rng.normal(0, 0.06)
    return ground, colour(near, _apart(lightness, rng), rng.uniform(0.3, 1.0))


def _apart(lightness: float, rng: np.random.Generator) -> float:
    """A lightness that can be told from the given one."""
    step = rng.uniform(0.25, 0.5)
    up, down = lightness + step, lightness - step
    if up > _LIGHTEST or (down >= _DARKEST and rng.random() < 0.5):
        return max(down, _DARKEST)
    return up
