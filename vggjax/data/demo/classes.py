"""The classes of the demo images: which shapes, in which textures, stand where."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np

from vggjax.data.demo.shapes import SHAPE_NAMES
from vggjax.data.demo.textures import TEXTURES
from vggjax.errors import DataError

Group = Literal["source", "target"]
CLASS_COUNTS: dict[Group, int] = {"source": 96, "target": 32}
GROUP_SEEDS: dict[Group, int] = {"source": 1409, "target": 1556}

_TEXTURE_NAMES = tuple(TEXTURES)
# Shapes with enough room inside for another shape to lie on.
_BASES = ("disc", "ring", "square", "frame", "hexagon", "flower", "heart", "gear", "burst", "drop")


@dataclass(frozen=True)
class Spot:
    """Where a part stands in the object's square [-1, 1]²; `second` picks the second motif."""

    x: float
    y: float
    size: float
    second: bool = False


# How a class arranges its motifs: the name to fill in, and the spots in painting order.
LAYOUTS: dict[str, tuple[Spot, ...]] = {
    "{0}": (Spot(0, 0, 0.95),),
    "{0}-pair": (Spot(-0.52, 0, 0.5), Spot(0.52, 0, 0.5)),
    "{0}-trio": (Spot(0, -0.5, 0.46), Spot(-0.52, 0.45, 0.46), Spot(0.52, 0.45, 0.46)),
    "{0}-on-{1}": (Spot(0, 0, 1.0, second=True), Spot(0, 0, 0.5)),
    "{0}-over-{1}": (Spot(0, -0.52, 0.5), Spot(0, 0.52, 0.5, second=True)),
    "{0}-beside-{1}": (Spot(-0.52, 0, 0.5), Spot(0.52, 0, 0.5, second=True)),
    "{0}-over-{1}-pair": (
        Spot(0, -0.42, 0.56),
        Spot(-0.5, 0.58, 0.38, second=True),
        Spot(0.5, 0.58, 0.38, second=True),
    ),
    "{0}-amid-{1}-quartet": (
        Spot(0, 0, 0.52),
        *(Spot(x, y, 0.33, second=True) for x in (-0.68, 0.68) for y in (-0.68, 0.68)),
    ),
}


@dataclass(frozen=True)
class Motif:
    """A shape in a texture, with the hue in [0, 1) that it prefers."""

    shape: str
    texture: str
    hue: float

    @property
    def name(self) -> str:
        """Such as `star` or `striped-star`."""
        return self.shape if self.texture == "plain" else f"{self.texture}-{self.shape}"


@dataclass(frozen=True)
class DemoClass:
    """One class: two motifs (the second unused by some layouts) in an arrangement."""

    layout: str
    first: Motif
    second: Motif

    @property
    def spots(self) -> tuple[Spot, ...]:
        """Where the parts stand, in painting order."""
        return LAYOUTS[self.layout]

    @property
    def name(self) -> str:
        """Such as `striped-star-on-ring`; it says all that sets the class apart but hues."""
        return self.layout.format(self.first.name, self.second.name)

    @property
    def sensible(self) -> bool:
        """Whether the two motifs can be told apart from one another where they stand."""
        if "{1}" not in self.layout:
            return True
        if self.layout == "{0}-on-{1}" and self.second.shape not in _BASES:
            return False
        # A flipped image would swap the two sides, so only one order of them is a class.
        ordered = self.layout != "{0}-beside-{1}" or self.first.shape < self.second.shape
        return self.first.shape != self.second.shape and ordered


def check_group(group: str) -> Group:
    """`group` itself; raises DataError unless it is `source` or `target`."""
    for known in CLASS_COUNTS:
        if group == known:
            return known
    raise DataError(f"The demo set has the groups source and target, but not {group!r}.")


@cache
def demo_classes(group: Group) -> tuple[DemoClass, ...]:
    """The classes of a group, drawn from its seed; no class is in both groups.

    Of every four classes the first is new, the second is the first in another texture, the third
    the first in another layout, and the fourth is new: relatives that only fine features tell
    apart.
    """
    taken = {one.name for one in demo_classes("target")} if group == "source" else set()
    rng = np.random.default_rng(GROUP_SEEDS[group])
    classes: list[DemoClass] = []
    while len(classes) < CLASS_COUNTS[group]:
        place = len(classes) % 4
        found = _relative(classes[-place], place, rng) if place in (1, 2) else _fresh(rng)
        if found.sensible and found.name not in taken:
            taken.add(found.name)
            classes.append(found)
    return tuple(classes)


def _fresh(rng: np.random.Generator) -> DemoClass:
    layout = _pick(tuple(LAYOUTS), rng)
    return DemoClass(layout, _motif(rng), _motif(rng))


def _motif(rng: np.random.Generator) -> Motif:
    return Motif(_pick(SHAPE_NAMES, rng), _pick(_TEXTURE_NAMES, rng), round(rng.random(), 3))


def _relative(base: DemoClass, place: int, rng: np.random.Generator) -> DemoClass:
    """`base` in another texture (place 1) or in another layout (place 2)."""
    if place == 1:
        return replace(base, first=replace(base.first, texture=_pick(_TEXTURE_NAMES, rng)))
    return replace(base, layout=_pick(tuple(LAYOUTS), rng))


def _pick(names: tuple[str, ...], rng: np.random.Generator) -> str:
    return names[rng.integers(len(names))]


def class_names(group: str = "target") -> tuple[str, ...]:
    """The folders of a group's classes in order, such as `007.striped-star-on-ring`.

    Raises DataError for an unknown group.
    """
    classes = demo_classes(check_group(group))
    return tuple(f"{number:03d}.{one.name}" for number, one in enumerate(classes, start=1))
