"""Images of more than 8 bits, whose white nobody states, as 8 bits."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from PIL import Image

# What usually means white, in fractions, 8, 12 and 16 bits; above, white is the image's own.
LEVELS = (1.0, 255.0, 4095.0, 65535.0, np.inf)
BRIGHTEST = 99.9  # per cent of the values are at most as bright as what is taken for white
HUGE = 1e30  # what formats write where there is no value
_BITS_PER_SAMPLE, _NODATA = 258, 42113  # tags of a TIFF file


def is_deep(mode: str) -> bool:
    """Whether a Pillow mode has one channel of 16 or 32 bits."""
    return mode[:4] in ("I", "F", "I;16")  # I;16B is I;16 of the other byte order


def stated_levels(image: Image.Image) -> dict[str, Any]:
    """What a TIFF file says of its values: `white`, if it has 9 to 15 bits, and `nodata`.

    A PNG's sBIT and a TIFF's MaxSampleValue don't tell what is white: the former's values are
    scaled to 16 bits all the same, the latter is statistics.
    """
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    stated = {}
    bits = max(tags.get(_BITS_PER_SAMPLE, (0,)))
    if 8 < bits < 16:
        stated["white"] = 2.0**bits - 1
    with suppress(KeyError, ValueError):  # there is none, or it is no number
        stated["nodata"] = float(tags[_NODATA])
    return stated


def eight_bits(
    values: np.ndarray, white: float | None = None, nodata: float | None = None
) -> np.ndarray:
    """Values (H, W) of any range as uint8, by the rule that `decode_image` states.

    `white` is what means white, if that is known, `nodata` what is no value.

    >>> eight_bits(np.array([[0.0, 1023.75, 4095.0]]))
    array([[  0,  64, 255]], dtype=uint8)
    """
    counted = _counted(values, nodata)
    found = values if counted.all() else values[counted]
    low = min(0.0, _percentile(found, 100 - BRIGHTEST, "lower")) if found.min(initial=0) < 0 else 0
    high = white_level(_percentile(found, BRIGHTEST, "higher")) if white is None else white
    scaled = np.where(counted, values, low)
    scaled -= low  # in place: the images of this kind are large
    scaled *= 255 / (high - low)
    return np.rint(scaled.clip(0, 255, out=scaled), out=scaled).astype(np.uint8)


def white_level(brightest: float) -> float:
    """What means white in an image whose brightest part is `brightest`.

    That is the usual level above, down to a quarter of it, and falls with the square from there, to
    meet the level below; so it has no jump, and the brightest part is at least a quarter of white.

    >>> [round(white_level(value)) for value in (0.3, 200, 255, 1000, 4095, 8192, 16384, 65535)]
    [1, 255, 255, 3907, 4095, 16384, 65535, 65535]
    """
    level = next(level for level in LEVELS if brightest <= level)
    falling = 16 * brightest * (brightest / level)
    return max(LEVELS[0], min(level, max(brightest, falling)))


def _counted(values: np.ndarray, nodata: float | None) -> np.ndarray:
    """Where there is a value: a mask of the shape of `values`."""
    with np.errstate(invalid="ignore"):
        counted = np.abs(values) < HUGE  # nor NaN
    if nodata is not None:
        counted &= values != nodata
    if values.max(initial=0, where=counted) > LEVELS[-2]:
        counted = _without_far(values, counted)
    if values.min(initial=0, where=counted) < 0:
        counted = _without_far(-values, counted)
    return counted


def _without_far(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """`counted` without the highest value, if it is further from the next than that is from all."""
    top = values.max(initial=-np.inf, where=counted)
    others = counted & (values < top)
    found = values[others]
    far = found.size and top - found.max() > found.max() - found.min()
    return others if far else counted


def _percentile(found: np.ndarray, share: float, method: Any) -> float:
    return float(np.percentile(found, share, method=method)) if found.size else 0.0
