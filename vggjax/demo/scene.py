"""Rendering one demo image: an object of a class, somewhere, in front of something."""

import numpy as np
from PIL import Image, ImageFilter

from vggjax.demo.canvas import SIDE, blend, colour, coverage, ramp, rotation
from vggjax.demo.classes import GROUP_SEEDS, demo_classes
from vggjax.demo.figure import paint_object
from vggjax.demo.shapes import SHAPES
from vggjax.demo.textures import smooth_noise
from vggjax.demo.variation import VARIATION, Variation
from vggjax.errors import DataError

VERSION = 1  # raise it whenever a pixel may change: it names the folder of the rendered tree

_FULL_TURN = 2 * np.pi


def render_image(
    group: str, class_index: int, image_index: int, variation: Variation = VARIATION
) -> np.ndarray:
    """Image `image_index` (from 0) of a class (from 0) of a group: (64, 64, 3) uint8 RGB.

    The pixels depend on nothing but VERSION and the arguments, so images can be added or made in
    any order. Raises DataError for an unknown group or class, or a negative image index.
    """
    classes = demo_classes(group)
    if not 0 <= class_index < len(classes) or image_index < 0:
        raise DataError(
            f"The {group} group of the demo set has the classes 0 to {len(classes) - 1} and "
            f"images from 0 on; there is no image {image_index} of class {class_index}."
        )
    rng = np.random.default_rng([VERSION, GROUP_SEEDS[group], class_index, image_index])
    lightness = rng.uniform(0.15, 0.9)
    canvas = _background(lightness, variation, rng)
    canvas = paint_object(canvas, classes[class_index], lightness, variation, rng)
    if rng.random() < variation.occlusion:
        canvas = _with_stray_shape(canvas, 0.3, rng)
    return _photograph(canvas, variation, rng)


def _background(lightness: float, variation: Variation, rng: np.random.Generator) -> np.ndarray:
    hue, saturation = rng.random(), rng.uniform(0.05, 0.5)
    one = colour(hue, lightness, saturation)
    two = colour(hue + rng.normal(0, 0.1), lightness + rng.uniform(-0.25, 0.25), saturation)
    canvas = np.broadcast_to(one + _background_mix(rng) * (two - one), (SIDE, SIDE, 3))
    for _ in range(rng.integers(variation.clutter + 1)):
        canvas = _with_stray_shape(canvas, 0.2, rng)
    return canvas


def _background_mix(rng: np.random.Generator) -> np.ndarray:
    """How much of the second colour is where: flat, a ramp, noise or stripes, (S, S, 1)."""
    kind, direction = rng.integers(4), ramp(rng.uniform(0, _FULL_TURN))
    if kind == 0:
        return np.zeros_like(direction)
    if kind == 1:
        return 0.5 + 0.5 * direction
    if kind == 2:
        return smooth_noise(rng, int(rng.integers(3, 12)), SIDE)[..., None]
    return 0.5 + 0.5 * np.sin(np.float32(rng.uniform(4, 20)) * direction)


def _with_stray_shape(canvas: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """`canvas` with a plain shape somewhere, `most` of the image's size at the most."""
    matrix = SIDE * most * rng.uniform(0.3, 1) * rotation(rng.uniform(0, _FULL_TURN))
    outlines = SHAPES[rng.choice(tuple(SHAPES))]
    centre = rng.uniform(0, SIDE, 2)
    paint = colour(rng.random(), rng.uniform(0.1, 0.9), rng.uniform(0, 0.9))
    return blend(canvas, coverage(tuple(o @ matrix.T + centre for o in outlines)), paint)


def _photograph(canvas: np.ndarray, variation: Variation, rng: np.random.Generator) -> np.ndarray:
    """The scene under uneven light, out of focus and grainy, as (S, S, 3) uint8."""
    strength = np.float32(rng.uniform(0, variation.light))
    lit = canvas * (1 + strength * ramp(rng.uniform(0, _FULL_TURN)))
    contrast = np.float32(rng.uniform(*variation.contrast))
    middle = np.float32(0.5 + rng.uniform(-1, 1) * variation.brightness)
    exposed = (lit - np.float32(0.5)) * contrast + middle
    photo = Image.fromarray(_bytes(255 * exposed))
    photo = photo.filter(ImageFilter.GaussianBlur(rng.uniform(0, variation.blur)))
    grain = rng.standard_normal((SIDE, SIDE, 3), dtype=np.float32)
    return _bytes(np.asarray(photo) + np.float32(255 * rng.uniform(0, variation.noise)) * grain)


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
