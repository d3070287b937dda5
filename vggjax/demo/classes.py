"""The classes of the demo images: which shapes, in which textures, stand where."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from vggjax.demo.shapes import SHAPES
from vggjax.demo.textures import TEXTURES
from vggjax.errors import DataError

CLASS_COUNTS = {"source": 96, "target": 32}
GROUP_SEEDS = {"source": 1409, "target": 1556}

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


@cache
def demo_classes(group: str) -> tuple[DemoClass, ...]:
    """The classes of a group, drawn from its seed; no class is in both groups.

    Of every four classes the first is new, the second is the first in another texture, the third
    the first in another layout, and the fourth is new: relatives that only fine features tell
    apart. Raises DataError for an unknown group.
    """
    if group not in CLASS_COUNTS:
        raise DataError(f"The demo set has the groups source and target, but not {group!r}.")
    taken = {one.name for one in demo_classes("target")} if group == "source" else set()
    rng = np.random.default_rng(GROUP_SEEDS[group])
    classes: list[DemoClass] = []
    while len(classes) < CLASS_COUNTS[group]:
        index = len(classes) % 4
        found = _relative(classes[-index], index, rng) if index in (1, 2) else _fresh(rng)
        if found.sensible and found.name not in taken:
            taken.add(found.name)
            classes.append(found)
    return tuple(classes)


def _fresh(rng: np.random.Generator) -> DemoClass:
    return DemoClass(rng.choice(tuple(LAYOUTS)), _motif(rng), _motif(rng))


def _motif(rng: np.random.Generator) -> Motif:
    return Motif(rng.choice(tuple(SHAPES)), rng.choice(tuple(TEXTURES)), round(rng.random(), 3))


def _relative(base: DemoClass, index: int, rng: np.random.Generator) -> DemoClass:
    """`base` in another texture (index 1) or in another layout (index 2)."""
    if index == 1:
        return replace(base, first=replace(base.first, texture=rng.choice(tuple(TEXTURES))))
    return replace(base, layout=rng.choice(tuple(LAYOUTS)))


def class_names(group: str = "target") -> tuple[str, ...]:
    """The folders of a group's classes in order, such as `007.striped-star-on-ring`.

    Raises DataError for an unknown group.
    """
    classes = demo_classes(group)
    return tuple(f"{number:03d}.{one.name}" for number, one in enumerate(classes, start=1))
