"""The network: a chain of named layers, cut and joined."""

from vggjax.model.chain import (
    Chain,
    Parameters,
    count_parameters,
    output_shape,
    parameters,
    with_parameters,
)
from vggjax.model.config import VGGConfig, layer_table, parameter_shapes
from vggjax.model.frozen import freeze
from vggjax.model.heads import pooled_head, softmax_head, temperature_head
from vggjax.model.precision import in_precision
from vggjax.model.vgg import build_vgg, table_until

__all__ = [
    "Chain",
    "Parameters",
    "VGGConfig",
    "build_vgg",
    "count_parameters",
    "freeze",
    "in_precision",
    "layer_table",
    "output_shape",
    "parameter_shapes",
    "parameters",
    "pooled_head",
    "softmax_head",
    "table_until",
    "temperature_head",
    "with_parameters",
]
