"""The frozen part of a network, run once per image: the forward pass, and features kept on disk."""

from vggjax.features.cache import Features
from vggjax.features.examples import Examples
from vggjax.features.extraction import extract, extract_layers, extract_views
from vggjax.features.forward import branch_outputs, compute, outputs

__all__ = [
    "Examples",
    "Features",
    "branch_outputs",
    "compute",
    "extract",
    "extract_layers",
    "extract_views",
    "outputs",
]
