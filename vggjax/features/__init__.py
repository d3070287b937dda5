"""The frozen part of a network, run once per image: the forward pass, and features kept on disk."""

from vggjax.features.cache import Features
from vggjax.features.examples import Examples
from vggjax.features.extraction import extract, extract_layers
from vggjax.features.forward import outputs, predict

__all__ = ["Examples", "Features", "extract", "extract_layers", "outputs", "predict"]
