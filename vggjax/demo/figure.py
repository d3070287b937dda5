"""Painting a class's object: its pose, its colours and its parts."""

import numpy as np

from vggjax.demo.canvas import PIXELS, SIDE, Colour, Pose, blend, colour, coverage, rotation
from vggjax.demo.classes import DemoClass, Motif, Spot
from vggjax.demo.shapes import SHAPES, Outline
from vggjax.demo.textures import TEXTURES
from vggjax.demo.variation import Variation

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
    grid = pose.undo(PIXELS)
    for spot in kind.spots:
        part = _part_pose(spot, variation, rng)
        wobble = rng.uniform(-1, 1, 2) * variation.wobble
        motif = motifs[spot.second]
        outlines = [_bent(outline, wobble) for outline in SHAPES[motif.shape]]
        mask = coverage([pose.apply(part.apply(outline)) for outline in outlines])
        cycles = 1.8 + 3 * spot.size  # fewer on small parts, where fine ones would blur away
        x, y = part.undo(grid)
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
        radius * rotation(rng.uniform(-limit, limit)) @ [[width, lean], [0, height]],
        SIDE / 2 + rng.uniform(-free, free, 2),
        rng.uniform(-1, 1, 2) * variation.perspective / radius,
    )


def _part_pose(spot: Spot, variation: Variation, rng: np.random.Generator) -> Pose:
    centre = np.array([spot.x, spot.y]) + rng.uniform(-1, 1, 2) * variation.part_shift
    size = spot.size * (1 + rng.uniform(-1, 1) * variation.part_size)
    turn = rotation(np.radians(rng.uniform(-1, 1) * variation.part_turn))
    return Pose(size * turn, centre, bend=np.zeros(2))


def _bent(outline: Outline, wobble: np.ndarray) -> Outline:
    """An outline out of shape: its points shifted by up to `wobble` (2,)."""
    return outline + wobble * np.sin(2.5 * outline[:, ::-1] + 40 * wobble)


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
