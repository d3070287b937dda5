"""Images rendered from a seed, so that the main job runs anywhere, with no network."""

from vggjax.data.demo.classes import CLASS_COUNTS, GROUP_SEEDS, class_names
from vggjax.data.demo.scene import VERSION, render_image
from vggjax.data.demo.tree import demo_folder, load_demo
from vggjax.data.demo.variation import VARIATION, Variation

__all__ = [
    "CLASS_COUNTS",
    "GROUP_SEEDS",
    "VARIATION",
    "VERSION",
    "Variation",
    "class_names",
    "demo_folder",
    "load_demo",
    "render_image",
]
