"""Where pretrained weights come from: readers, conversion, the Orbax store."""

from vggjax.weights.importer import Weights, convert_file, import_weights
from vggjax.weights.info import WeightsInfo, parameter_layers
from vggjax.weights.remote import title_of
from vggjax.weights.sources import (
    NAMES,
    demo_config,
    load_vgg,
    load_weights,
    weights_identity,
)
from vggjax.weights.store import load_info, load_parameters, save, verify

__all__ = [
    "NAMES",
    "Weights",
    "WeightsInfo",
    "convert_file",
    "demo_config",
    "import_weights",
    "load_info",
    "load_parameters",
    "load_vgg",
    "load_weights",
    "parameter_layers",
    "save",
    "title_of",
    "verify",
    "weights_identity",
]
