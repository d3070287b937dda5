"""A network as an ONNX file: a table of what each kind of layer is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vggjax.errors import LayerError, VggjaxError
from vggjax.export.whole import Whole
from vggjax.files import atomic_file
from vggjax.model import Chain
from vggjax.model import layers as kinds
from vggjax.training import Classifier

if TYPE_CHECKING:
    from vggjax.export.graph import Graph, Value  # needs the package onnx


def export_onnx(network: Chain | Classifier, file: str | Path) -> None:
    """Write a network, with its parameters, as an ONNX model (opset 18).

    Its input `images` are (B, side, side, 3), uint8 RGB, any number B of them; its output is that
    of a chain, or a classifier's `probabilities` (B, classes). A classifier's names and the mode in
    which photos get their size are in the model's metadata.
    Raises LayerError as `export_jax` does, for layers of other kinds and for another precision
    than float32, and VggjaxError without the package onnx.

    >>> import onnx, tempfile, vggjax
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_onnx(vggjax.load_vgg("demo", until="block5_pool"), f"{folder}/features.onnx")
    ...     model = onnx.load(f"{folder}/features.onnx")
    >>> [output.name for output in model.graph.output]
    ['block5_pool']
    """
    try:
        import onnx

        from vggjax.export.graph import Graph
    except ImportError as error:
        raise VggjaxError("ONNX files need the package onnx: pip install onnx") from error
    whole = Whole.of(network)
    if whole.backbone.dtype != "float32":
        raise LayerError("ONNX files are written of networks in float32 only.")
    graph = Graph(whole.side)
    model = graph.model(*_output(graph, whole), {k: json.dumps(v) for k, v in whole.about.items()})
    onnx.checker.check_model(model)
    with atomic_file(Path(file)) as temporary:
        onnx.save_model(model, str(temporary))


def _output(graph: Graph, whole: Whole) -> tuple[Value, str]:
    """The graph's output, and what it is called."""
    found = _applied(graph, whole.backbone, graph.images)
    if whole.head is None:
        return found[whole.backbone.names[-1]], whole.backbone.names[-1]
    logits = [
        _applied(graph, whole.head[layer], found[layer])[whole.head[layer].names[-1]]
        for layer in whole.head.layers
    ]
    total = logits[0]
    for other in logits[1:]:
        total = graph.add("Add", total, other)
    return graph.add("Softmax", total, axis=-1), "probabilities"


def _applied(graph: Graph, chain: Chain, x: Value) -> dict[str, Value]:
    """What each of a chain's layers makes of `x`."""
    found = {}
    for name in chain.names:
        layer = chain[name]
        if type(layer) not in _NODES:
            raise LayerError(f"A layer of the kind {layer.kind} ({name}) can't be written as ONNX.")
        x = found[name] = _NODES[type(layer)](graph, layer, x)
    return found


def _preprocess(graph: Graph, layer: kinds.Preprocess, x: Value) -> Value:
    x = graph.add("Transpose", graph.add("Cast", x, to=graph.FLOAT), perm=(0, 3, 1, 2), maps=True)
    how = kinds.NORMALIZATIONS[layer.mode]
    if how.bgr:
        x = graph.add("Gather", x, graph.constant(np.array([2, 1, 0])), axis=1)
    x = graph.add("Div", x, graph.constant(np.float32(how.over)))
    x = graph.add("Sub", x, _channels(graph, how.mean))
    return graph.add("Div", x, _channels(graph, how.deviation))


def _channels(graph: Graph, values: Any) -> Value:
    return graph.constant(np.asarray(values, np.float32).reshape(-1, 1, 1))


def _convolution(graph: Graph, layer: kinds.Convolution, x: Value) -> Value:
    kernel = graph.constant(np.asarray(layer.kernel[...]).transpose(3, 2, 0, 1))
    bias = graph.constant(np.asarray(layer.bias[...]))
    return graph.add("Relu", graph.add("Conv", x, kernel, bias, pads=(1, 1, 1, 1)))


def _pool(graph: Graph, layer: kinds.MaxPool, x: Value) -> Value:
    return graph.add("MaxPool", x, kernel_shape=(2, 2), strides=(2, 2))


def _mean_map(graph: Graph, layer: kinds.MeanMap, x: Value) -> Value:
    return graph.reduced("ReduceMean", x, (2, 3))


def _flatten(graph: Graph, layer: kinds.Flatten, x: Value) -> Value:
    if x.maps:
        x = graph.add("Transpose", x, perm=(0, 2, 3, 1))
    return graph.add("Reshape", x, graph.constant(np.array([0, -1])), maps=False)


def _dense(graph: Graph, layer: kinds.Dense, x: Value) -> Value:
    kernel, bias = (graph.constant(np.asarray(a[...])) for a in (layer.kernel, layer.bias))
    y = graph.add("Gemm", x, kernel, bias)
    return graph.add("Relu", y) if layer.relu else y


def _power(graph: Graph, layer: kinds.Power, x: Value) -> Value:
    positive = graph.add("Relu", x)
    if layer.exponent == 0.5:
        return graph.add("Sqrt", positive)
    return graph.add("Pow", positive, graph.constant(np.float32(layer.exponent)))


def _unit_length(graph: Graph, layer: kinds.UnitLength | None, x: Value) -> Value:
    axes = (1, 2, 3) if x.maps else (1,)
    squares = graph.reduced("ReduceSum", graph.add("Mul", x, x), axes, keep=True)
    return graph.add("Div", x, _root(graph, squares))


def _root(graph: Graph, squares: Value) -> Value:
    return graph.add("Sqrt", graph.add("Max", squares, graph.constant(np.float32(kinds.TINY))))


def _pyramid(graph: Graph, layer: kinds.Pyramid, x: Value) -> Value:
    maps = _unit_length(graph, None, x)
    flat = _flatten(graph, kinds.Flatten(), maps)
    mean = graph.reduced("ReduceMean", graph.add("Mul", maps, maps), (2, 3))
    return graph.add("Concat", flat, _unit_length(graph, None, _root(graph, mean)), axis=1)


def _center(graph: Graph, layer: kinds.Center | kinds.Standardize, x: Value) -> Value:
    return graph.add("Sub", x, _each(graph, layer.mean, x))


def _standardize(graph: Graph, layer: kinds.Standardize, x: Value) -> Value:
    return graph.add("Mul", _center(graph, layer, x), _each(graph, layer.scale, x))


def _each(graph: Graph, array: Any, x: Value) -> Value:
    """An array of a number for each feature, in the order of maps (C, H, W) if x has maps."""
    own = np.asarray(array[...])
    return graph.constant(own.transpose(2, 0, 1) if x.maps else own)


def _temperature(graph: Graph, layer: kinds.Temperature, x: Value) -> Value:
    x = graph.add("Div", x, graph.constant(np.float32(layer.temperature)))
    return graph.add("Softmax", x, axis=-1)


_NODES: dict[type, Callable[[Graph, Any, Value], Value]] = {
    kinds.Preprocess: _preprocess,
    kinds.Convolution: _convolution,
    kinds.MaxPool: _pool,
    kinds.MeanMap: _mean_map,
    kinds.Flatten: _flatten,
    kinds.Dense: _dense,
    kinds.Power: _power,
    kinds.UnitLength: _unit_length,
    kinds.Pyramid: _pyramid,
    kinds.Center: _center,
    kinds.Standardize: _standardize,
    kinds.Temperature: _temperature,
}
