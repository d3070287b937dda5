"""VGG as an ONNX model, made of the same arrays, and ONNX Runtime on it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.inputs import Functions, Network
from benchmarks.measure import Timed
from benchmarks.results import cores

_OPSET, _IR_VERSION = 18, 9


class Nodes:
    """Nodes and constants of a model, as `Network.apply` adds them; `last` is what is given."""

    def __init__(self) -> None:
        import onnx

        self.onnx, self.last = onnx, "images"
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._channels = 0  # of the last maps

    def add(self, kind: str, *constants: np.ndarray, **attributes: Any) -> "Nodes":
        """A node that takes what the last one gives, and constants."""
        inputs = [self.last]
        for array in constants:
            inputs.append(f"constant{len(self.constants)}")
            named = self.onnx.numpy_helper.from_array(np.ascontiguousarray(array), inputs[-1])
            self.constants.append(named)
        self.last = f"{kind}{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, [self.last], **attributes))
        return self

    def functions(self) -> Functions:
        """What `Network.apply` calls, with these nodes for x."""
        return {
            "convolution": self._convolution,
            "pool": lambda x: x.add("MaxPool", kernel_shape=(2, 2), strides=(2, 2)),
            "flatten": lambda x: x.add("Flatten"),
            "dense": self._dense,
            "relu": lambda x: x.add("Relu"),
        }

    def _convolution(self, x: "Nodes", kernel: Any, bias: Any) -> "Nodes":
        self._channels = bias.size
        return x.add("Conv", np.transpose(kernel, (3, 2, 0, 1)), bias, pads=(1, 1, 1, 1))

    def _dense(self, x: "Nodes", kernel: Any, bias: Any) -> "Nodes":
        """The first one takes rows of (C, H, W), for which its kernel's rows are sorted here."""
        kernel = np.asarray(kernel)
        if self.nodes[-1].op_type == "Flatten":
            places = kernel.reshape(-1, self._channels, kernel.shape[1])
            kernel = places.transpose(1, 0, 2).reshape(kernel.shape)
        return x.add("Gemm", kernel, np.asarray(bias))


def onnx_model(network: Network, batch: int) -> bytes:
    """The network for preprocessed `images` (B, 3, H, W), as an ONNX file's content."""
    nodes, side = Nodes(), network.config.image_size
    nodes = network.apply(nodes, nodes.functions(), network.params)
    helper, kind = nodes.onnx.helper, nodes.onnx.TensorProto.FLOAT
    images = helper.make_tensor_value_info("images", kind, (batch, 3, side, side))
    output = helper.make_tensor_value_info(nodes.last, kind, None)
    graph = helper.make_graph(nodes.nodes, "vgg", [images], [output], nodes.constants)
    opset = helper.make_opsetid("", _OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)
    return model.SerializeToString()


def forward(network: Network, x: np.ndarray) -> Timed:
    """ONNX Runtime's output for preprocessed images (B, H, W, 3), transposed beforehand."""
    session = _session(network, len(x))
    images = channels_first(x)
    return lambda: channels_last(session.run(None, {"images": images})[0])


def predictor(network: Network) -> Callable[[np.ndarray], np.ndarray]:
    """The network in ONNX Runtime, as a function of one preprocessed image (1, H, W, 3)."""
    session = _session(network, 1)
    return lambda x: session.run(None, {"images": channels_first(x)})[0]


def _session(network: Network, batch: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores()
    model = onnx_model(network, batch)
    return onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])


def channels_first(x: np.ndarray) -> np.ndarray:
    """Images (B, H, W, 3) as (B, 3, H, W)."""
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


def channels_last(output: np.ndarray) -> np.ndarray:
    """Maps (B, C, H, W) as (B, H, W, C), which costs no time; rows as they are."""
    return output.transpose(0, 2, 3, 1) if output.ndim == 4 else output
