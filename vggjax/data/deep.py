"""Images of more than 8 bits, whose white nobody states, as 8 bits."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, floor
from typing import Any

import numpy as np
from PIL import Image

# What usually means white, in fractions, 8, 12 and 16 bits; above, white is the image's own.
LEVELS = (1.0, 255.0, 4095.0, 65535.0, np.inf)
BRIGHTEST = 99.9  # per cent of the values are at most as bright as what is taken for white
HUGE = 1e30  # what formats write where there is no value
_BAND = 2**18  # values that are looked at at once
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
    found = _found(values, nodata)
    low = min(0.0, found.percentile(100 - BRIGHTEST, lowest=True)) if found.extent[1] < 0 else 0.0
    high = white_level(found.percentile(BRIGHTEST)) if white is None else white
    shown = np.empty(values.shape, np.uint8)
    for rows in _bands(values):
        band = values[rows].astype(np.float64)
        scaled = np.where(found.counted(band), band, low)
        scaled -= low
        scaled *= 255 / (high - low)
        shown[rows] = np.rint(scaled.clip(0, 255, out=scaled), out=scaled)
    return shown


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


@dataclass(frozen=True)
class _Found:
    """Those of `values` that count: no `nodata`, and between `above` and `below`, which don't.

    The images of this kind are large, so they are looked at band by band, in float64.
    """

    values: np.ndarray
    nodata: float | None
    above: float = -HUGE
    below: float = HUGE

    def counted(self, band: np.ndarray) -> np.ndarray:
        """Where a band's values count: a mask of its shape."""
        with np.errstate(invalid="ignore"):
            counted = (self.above < band) & (band < self.below)  # nor NaN
        return counted if self.nodata is None else counted & (band != self.nodata)

    def __iter__(self) -> Iterator[np.ndarray]:
        """What counts of each band that has some, (n,)."""
        for rows in _bands(self.values):
            band = self.values[rows].astype(np.float64)
            if (found := band[self.counted(band)]).size:
                yield found

    @cached_property
    def extent(self) -> tuple[int, float, float]:
        """How many there are, the lowest and the highest: (0, ∞, −∞) if there is none."""
        count, lowest, highest = 0, np.inf, -np.inf
        for found in self:
            count += found.size
            lowest, highest = min(lowest, found.min()), max(highest, found.max())
        return count, float(lowest), float(highest)

    def percentile(self, share: float, lowest: bool = False) -> float:
        """The value below which `share` per cent are, or the next higher (of the lowest: lower).

        It is NumPy's, by its methods "higher" and "lower"; 0 if there is none.
        """
        count = self.extent[0]
        if not count:
            return 0.0
        place = (count - 1) * (share / 100)
        kept = floor(place) + 1 if lowest else count - ceil(place)
        sign, most, least = -1 if lowest else 1, np.empty(0), -np.inf
        for found in self:  # only the outermost values are kept
            found *= sign
            most = np.concatenate([most, found[found > least]])
            if len(most) > kept:
                most = np.partition(most, len(most) - kept)[-kept:]
                least = most[0]
        return sign * float(most.min())

    def without_far(self, lowest: bool = False) -> "_Found":
        """Without the highest value, if it is further from the next than that is from all others.

        Or without the `lowest`, by the same rule.
        """
        _, bottom, top = self.extent
        others = replace(self, above=bottom) if lowest else replace(self, below=top)
        count, least, most = others.extent
        gap = least - bottom if lowest else top - most
        return others if count and gap > most - least else self


def _found(values: np.ndarray, nodata: float | None) -> _Found:
    """What counts of `values`."""
    found = _Found(values, nodata)
    if found.extent[2] > LEVELS[-2]:
        found = found.without_far()
    if found.extent[1] < 0:
        found = found.without_far(lowest=True)
    return found


def _bands(values: np.ndarray) -> Iterator[slice]:
    """Rows of values, some at a time."""
    rows = max(1, _BAND // max(1, values.shape[1]))
    return (slice(start, start + rows) for start in range(0, len(values), rows))
