"""VGG in PyTorch, as its users run it fastest on a CPU: channels-last memory."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.inputs import Network
from benchmarks.measure import Timed
from benchmarks.results import cores


def forward(network: Network, x: np.ndarray, dtype: str = "float32") -> Timed:
    """The output for preprocessed images (B, H, W, 3)."""
    torch, apply = _network(network, dtype)
    inputs = _images(torch, x).to(getattr(torch, dtype))

    @torch.inference_mode()
    def run() -> np.ndarray:
        return apply(inputs).float().numpy()

    return run


def input_gradient(network: Network, x: np.ndarray, channels: np.ndarray) -> Timed:
    """The gradient of one mean activation per image, with respect to RGB (B, H, W, 3)."""
    torch, apply = _network(network, "float32")
    inputs = _images(torch, x).requires_grad_()
    chosen = torch.arange(len(x)), torch.from_numpy(channels)

    def run() -> np.ndarray:
        inputs.grad = None
        apply(inputs).mean((2, 3))[chosen].sum().backward()
        return inputs.grad.permute(0, 2, 3, 1).numpy()[..., ::-1]

    return run


def _images(torch: Any, x: np.ndarray) -> Any:
    images = torch.from_numpy(np.ascontiguousarray(x)).permute(0, 3, 1, 2)
    return images.contiguous(memory_format=torch.channels_last)


def _network(network: Network, dtype: str) -> tuple[Any, Callable[[Any], Any]]:
    """PyTorch, and the network as a function."""
    import torch

    torch.set_num_threads(cores())
    nn = torch.nn.functional
    functions: dict[str, Any] = {
        "convolution": partial(nn.conv2d, padding=1),
        "pool": partial(nn.max_pool2d, kernel_size=2),
        # to rows of (H, W, C), which costs nothing in channels-last memory
        "flatten": lambda x: x.permute(0, 2, 3, 1).flatten(1),
        "dense": nn.linear,
        "relu": torch.relu_,
    }
    params = {name: _tensors(torch, arrays, dtype) for name, arrays in network.params.items()}
    return torch, lambda x: network.apply(x, functions, params)


def _tensors(torch: Any, arrays: dict[str, np.ndarray], dtype: str) -> dict[str, Any]:
    kernel = torch.tensor(np.asarray(arrays["kernel"]), dtype=getattr(torch, dtype))
    bias = torch.tensor(np.asarray(arrays["bias"]), dtype=kernel.dtype)
    if kernel.ndim == 2:
        return {"weight": kernel.T.contiguous(), "bias": bias}
    weight = kernel.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
    return {"weight": weight, "bias": bias}
