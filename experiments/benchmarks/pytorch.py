"""VGG in PyTorch, as its users run it fastest: channels-last memory, perhaps compiled."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.inputs import Network
from benchmarks.measure import Skip, Timed
from benchmarks.results import cores

_COMPILERS = ("c++", "g++", "clang++", "cl")  # one of which torch.compile needs


def forward(
    network: Network,
    x: np.ndarray,
    dtype: str = "float32",
    *,
    compiled: bool = False,
    device: str = "cpu",
) -> Timed:
    """The output for preprocessed images (B, H, W, 3), which are in the device's memory already.

    Raises Skip where PyTorch sees no such device, or finds nothing to compile with. float32 is
    TF32 on a GPU that has it.
    """
    torch = prepared_torch(device)
    model = network_model(torch, network, dtype).to(device)
    apply = _compiled(torch, model) if compiled else model
    inputs = _images(torch, x).to(device, getattr(torch, dtype))

    @torch.inference_mode()
    def run() -> np.ndarray:
        output = apply(inputs)
        channels_last = output.permute(0, 2, 3, 1) if output.ndim == 4 else output
        return channels_last.float().cpu().numpy()

    return run


def input_gradient(network: Network, x: np.ndarray, channels: np.ndarray) -> Timed:
    """The gradient of one mean activation per image, with respect to RGB (B, H, W, 3)."""
    torch = prepared_torch("cpu")
    model = network_model(torch, network, "float32")
    inputs = _images(torch, x).requires_grad_()
    chosen = torch.arange(len(x)), torch.from_numpy(channels)

    def run() -> np.ndarray:
        inputs.grad = None
        model(inputs).mean((2, 3))[chosen].sum().backward()
        return inputs.grad.permute(0, 2, 3, 1).numpy()[..., ::-1]

    return run


def predictor(network: Network) -> Callable[[np.ndarray], np.ndarray]:
    """The network as a function of one preprocessed image (1, H, W, 3)."""
    torch = prepared_torch("cpu")
    model = torch.inference_mode()(network_model(torch, network, "float32"))
    return lambda x: model(_images(torch, x)).numpy()


def prepared_torch(device: str) -> Any:
    """PyTorch, set to use all cores, and TF32 on a GPU; Skip if it sees no such device."""
    import torch

    torch.set_num_threads(cores())
    if device != "cpu" and not torch.cuda.is_available():
        raise Skip("PyTorch sees no GPU")
    torch.set_float32_matmul_precision("high" if device != "cpu" else "highest")
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    return torch


def network_model(torch: Any, network: Network, dtype: str) -> Any:
    """The network as a frozen `torch.nn.Sequential`."""

    class Rows(torch.nn.Module):
        """To rows of (H, W, C), which costs nothing in channels-last memory."""

        def forward(self, x: Any) -> Any:
            return x.permute(0, 2, 3, 1).flatten(1)

    functions: dict[str, Callable[..., list[Any]]] = {
        "convolution": lambda x, kernel, bias: [*x, _convolution(torch, kernel, bias)],
        "pool": lambda x: [*x, torch.nn.MaxPool2d(2)],
        "flatten": lambda x: [*x, Rows()],
        "dense": lambda x, kernel, bias: [*x, _dense(torch, kernel, bias)],
        "relu": lambda x: [*x, torch.nn.ReLU(inplace=True)],
    }
    model = torch.nn.Sequential(*network.apply([], functions, network.params))
    model = model.to(getattr(torch, dtype), memory_format=torch.channels_last)
    return model.requires_grad_(False).eval()


def _convolution(torch: Any, kernel: Any, bias: Any) -> Any:
    """A convolution of this kernel (3, 3, in, out)."""
    layer = partial(torch.nn.Conv2d, *kernel.shape[2:], 3, padding=1)
    return _filled(torch, layer, np.transpose(kernel, (3, 2, 0, 1)), bias)


def _dense(torch: Any, kernel: Any, bias: Any) -> Any:
    """A dense layer of this kernel (in, out)."""
    return _filled(torch, partial(torch.nn.Linear, *kernel.shape), np.transpose(kernel), bias)


def _filled(torch: Any, make: Callable[..., Any], weight: Any, bias: Any) -> Any:
    layer = make(device="meta")  # no time for random numbers
    layer.weight = torch.nn.Parameter(torch.tensor(np.ascontiguousarray(weight)))
    layer.bias = torch.nn.Parameter(torch.tensor(np.asarray(bias)))
    return layer


def _images(torch: Any, x: np.ndarray) -> Any:
    images = torch.from_numpy(np.ascontiguousarray(x)).permute(0, 3, 1, 2)
    return images.contiguous(memory_format=torch.channels_last)


def _compiled(torch: Any, model: Any) -> Any:
    """The model as `torch.compile` runs it fastest: parameters are constants, laid out once."""
    if not any(map(shutil.which, (*_COMPILERS, os.environ.get("CXX", "c++")))):
        raise Skip(f"torch.compile needs a C++ compiler ({', '.join(_COMPILERS)})")
    # By a single process: one that JAX runs in must not be forked.
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
    return torch.compile(model, options={"freezing": True})
