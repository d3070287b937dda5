"""Reads `.safetensors` files; returns arrays by name, knows no model."""

from pathlib import Path

import ml_dtypes  # noqa: F401  (importing it teaches NumPy the name bfloat16)
import numpy as np


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a `.safetensors` file, in any float type that NumPy and JAX know."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
