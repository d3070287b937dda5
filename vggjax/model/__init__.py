"""The network: a chain of named layers, cut and joined."""

from vggjax.model.chain import (
    Chain,
    Parameters,
    count_parameters,
    layer_shapes,
    output_shape,
    parameters,
    with_parameters,
)
from vggjax.model.compiling import COMPILER_OPTIONS
from vggjax.model.config import VGGConfig, layer_table, parameter_shapes
from vggjax.model.dense import dense_application, dense_layers
from vggjax.model.fast import optimize_inference
from vggjax.model.heads import learned_layers, softmax_head, temperature_head
from vggjax.model.identity import arithmetic_of, chain_digest
from vggjax.model.joint import JointHead, joint_head
from vggjax.model.layers import Layer
from vggjax.model.precision import in_precision
from vggjax.model.vgg import build_vgg, deepest_layer, table_until

__all__ = [
    "COMPILER_OPTIONS",
    "Chain",
    "JointHead",
    "Layer",
    "Parameters",
    "VGGConfig",
    "arithmetic_of",
    "build_vgg",
    "chain_digest",
    "count_parameters",
    "deepest_layer",
    "dense_application",
    "dense_layers",
    "in_precision",
    "joint_head",
    "layer_shapes",
    "layer_table",
    "learned_layers",
    "optimize_inference",
    "output_shape",
    "parameter_shapes",
    "parameters",
    "softmax_head",
    "table_until",
    "temperature_head",
    "with_parameters",
]
