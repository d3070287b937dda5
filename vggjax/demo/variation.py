"""How hard the demo set is: every random range of its images in one place."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variation:
    """How much the images of one class differ; pairs are ranges, lengths are relative."""

    scale: tuple[float, float] = (0.45, 1.0)  # the object's size over the image's
    rotation: float = 35.0  # degrees either way
    flip: float = 0.3  # probability
    shear: float = 0.15
    stretch: float = 0.15  # height over width, either way
    perspective: float = 0.15  # change of depth over the object
    part_shift: float = 0.06  # in units of the object's half size
    part_turn: float = 10.0  # degrees either way
    part_size: float = 0.12  # either way
    wobble: float = 0.06  # shift of an outline's points, in units of the part's half size
    hue: float = 0.08  # standard deviation around the class's hue, in turns
    stray_hue: float = 0.25  # probability that a motif has any hue
    clutter: int = 5  # distracting shapes at the most
    occlusion: float = 0.25  # probability that something stands in front
    light: float = 0.35  # strength of a gradient of light
    contrast: tuple[float, float] = (0.55, 1.1)
    brightness: float = 0.12  # either way, of a range of 1
    blur: float = 0.9  # radius in pixels at the most
    noise: float = 0.06  # standard deviation at the most, of a range of 1


VARIATION = Variation()
