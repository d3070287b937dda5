"""An ONNX graph that grows node by node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET = 18
IR_VERSION = 9  # what goes with the opset, so that older runtimes read the file, too


@dataclass(frozen=True)
class Value:
    """What a node gives: its name, and whether that is maps (B, C, H, W) or rows (B, n)."""

    name: str
    maps: bool = False


class Graph:
    """Nodes and constants, from `images` (B, side, side, 3), uint8, on."""

    FLOAT = onnx.TensorProto.FLOAT

    def __init__(self, side: int):
        self.side, self.images = side, Value("images")
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, array: Any) -> Value:
        """An array, kept in the file."""
        value = Value(f"constant{len(self._constants)}")
        self._constants.append(numpy_helper.from_array(np.asarray(array), value.name))
        return value

    def add(self, kind: str, *inputs: Value, maps: bool | None = None, **attributes: Any) -> Value:
        """What a node of some kind makes of its inputs; of the first's form, unless said."""
        form = inputs[0].maps if maps is None else maps
        value = Value(f"{kind}{len(self._nodes)}", form)
        names = [each.name for each in inputs]
        self._nodes.append(helper.make_node(kind, names, [value.name], value.name, **attributes))
        return value

    def reduced(self, kind: str, x: Value, axes: Sequence[int], keep: bool = False) -> Value:
        """A reduction over some axes, which stay with length 1 if they are to `keep`."""
        chosen = self.constant(np.array(axes, np.int64))
        return self.add(kind, x, chosen, keepdims=int(keep), maps=x.maps and keep)

    def model(self, output: Value, name: str, about: Mapping[str, str]) -> onnx.ModelProto:
        """The model that gives `output` (maps with the channels last) as `name`."""
        if output.maps:
            output = self.add("Transpose", output, perm=(0, 2, 3, 1))
        self._nodes.append(helper.make_node("Identity", [output.name], [name], name))
        shape: list[str | int | None] = ["batch", self.side, self.side, 3]
        graph = helper.make_graph(
            self._nodes,
            "vggjax",
            [helper.make_tensor_value_info("images", onnx.TensorProto.UINT8, shape)],
            [helper.make_tensor_value_info(name, self.FLOAT, None)],
            self._constants,
        )
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(
            graph, producer_name="vggjax", opset_imports=[opset], ir_version=IR_VERSION
        )
        helper.set_model_props(model, dict(about))
        return onnx.shape_inference.infer_shapes(model)
