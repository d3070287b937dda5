"""VGG in OpenVINO: the ONNX model, tuned for latency or for throughput, whichever is faster."""

from typing import Any

import numpy as np

from benchmarks.inputs import Network
from benchmarks.measure import Prepared, Skip, Timed, take_turns
from benchmarks.onnx import channels_first, channels_last, onnx_model
from benchmarks.results import cores

_TRIALS = 3


def forward(network: Network, x: np.ndarray, dtype: str = "f32") -> Prepared:
    """The output for preprocessed images (B, H, W, 3), transposed beforehand; `dtype` f32 or bf16.

    By either hint: one request for the whole batch by all cores, or one for each core and its part
    of the batch. The hint that is faster in some trials is taken, and noted. Raises Skip for bf16
    where the processor has no such products.
    """
    import openvino

    core = openvino.Core()
    if dtype == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise Skip("this processor multiplies no bfloat16 numbers")
    images = channels_first(x)
    runs = {"latency": _compiled(openvino, core, network, images, dtype, 1)}
    parts = max(n for n in range(1, cores() + 1) if len(x) % n == 0)
    if parts > 1:
        runs["throughput"] = _compiled(openvino, core, network, images, dtype, parts)
    for run in runs.values():
        run()
    seconds = {hint: min(each) for hint, each in take_turns(runs, _TRIALS).items()}
    best = min(seconds, key=seconds.__getitem__)
    return Prepared(runs[best], f"its {best} hint")


def _compiled(
    openvino: Any, core: Any, network: Network, images: np.ndarray, dtype: str, parts: int
) -> Timed:
    """The network, for as many requests at a time as there are `parts` of the batch."""
    size = len(images) // parts
    settings = {
        "PERFORMANCE_HINT": "LATENCY" if parts == 1 else "THROUGHPUT",
        "PERFORMANCE_HINT_NUM_REQUESTS": parts,
        "INFERENCE_NUM_THREADS": cores(),
        "INFERENCE_PRECISION_HINT": dtype,
    }
    model = core.read_model(onnx_model(network, size), b"")
    queue = openvino.AsyncInferQueue(core.compile_model(model, "CPU", settings), parts)
    outputs: list[np.ndarray] = [np.empty(0)] * parts
    queue.set_callback(lambda request, part: outputs.__setitem__(part, _output(request)))

    def run() -> np.ndarray:
        for part in range(parts):
            queue.start_async({0: images[part * size : (part + 1) * size]}, part)
        queue.wait_all()
        return channels_last(np.concatenate(outputs))

    return run


def _output(request: Any) -> np.ndarray:
    return request.get_output_tensor().data.copy()
