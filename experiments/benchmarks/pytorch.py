"""VGG in PyTorch, as its users run it fastest on a CPU: channels-last memory."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.environment import cores
from benchmarks.networks import Network


def forward(network: Network, x: np.ndarray, bfloat16: bool = False) -> Callable[[], np.ndarray]:
    """The output for preprocessed images (B, H, W, 3)."""
    torch = _torch()
    apply = _network(torch, network, torch.bfloat16 if bfloat16 else torch.float32)
    inputs = _images(torch, x)
    inputs = inputs.to(torch.bfloat16) if bfloat16 else inputs

    @torch.inference_mode()
    def run() -> np.ndarray:
        return apply(inputs).float().numpy()

    return run


def input_gradient(
    network: Network, x: np.ndarray, channels: np.ndarray
) -> Callable[[], np.ndarray]:
    """The gradient of one mean activation per image, with respect to RGB (B, H, W, 3)."""
    torch = _torch()
    apply = _network(torch, network, torch.float32)
    inputs = _images(torch, x).requires_grad_()
    places = torch.arange(len(x)), torch.from_numpy(channels)

    def run() -> np.ndarray:
        inputs.grad = None
        features = apply(inputs)  # NCHW, or flat
        features.mean((2, 3))[places].sum().backward()
        return inputs.grad.permute(0, 2, 3, 1).numpy()[..., ::-1]

    return run


def _torch() -> Any:
    import torch

    torch.set_num_threads(cores())
    return torch


def _images(torch: Any, x: np.ndarray) -> Any:
    images = torch.from_numpy(np.ascontiguousarray(x)).permute(0, 3, 1, 2)
    return images.contiguous(memory_format=torch.channels_last)


def _network(torch: Any, network: Network, dtype: Any) -> Callable[[Any], Any]:
    layers = []
    for spec in network.table:
        layers += _layers(torch, spec.kind, network.params.get(spec.name))
        layers += [torch.nn.ReLU(inplace=True)] if spec.relu else []
    model = torch.nn.Sequential(*layers).to(dtype=dtype, memory_format=torch.channels_last)
    return model.eval().requires_grad_(False)


def _layers(torch: Any, kind: str, arrays: Any) -> list[Any]:
    nn = torch.nn
    if kind == "pool":
        return [nn.MaxPool2d(2)]
    if kind == "flatten":  # to rows of (H, W, C), which costs nothing in channels-last memory
        return [_ChannelsLastFlatten(torch)]
    kernel = np.asarray(arrays["kernel"])
    if kind == "convolution":
        layer = nn.Conv2d(*kernel.shape[2:], 3, padding=1)
        kernel = kernel.transpose(3, 2, 0, 1)
    else:
        layer = nn.Linear(*kernel.shape)
        kernel = kernel.T
    layer.weight.data = torch.from_numpy(np.ascontiguousarray(kernel))
    layer.bias.data = torch.from_numpy(np.array(arrays["bias"]))
    return [layer]


def _ChannelsLastFlatten(torch: Any) -> Any:
    class Flatten(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.permute(0, 2, 3, 1).flatten(1)

    return Flatten()
