"""Images rendered from a seed, so that the main job runs anywhere, with no network."""

from vggjax.demo.classes import CLASS_COUNTS, class_names
from vggjax.demo.scene import VERSION, render_image
from vggjax.demo.tree import demo_folder, saved_jpegs
from vggjax.demo.variation import Variation

__all__ = [
    "CLASS_COUNTS",
    "VERSION",
    "Variation",
    "class_names",
    "demo_folder",
    "render_image",
    "saved_jpegs",
]
