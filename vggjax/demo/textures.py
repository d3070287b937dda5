"""The textures of the demo images: patterns in [0, 1] over a part's own coordinates."""

from collections.abc import Callable

import numpy as np
from PIL import Image

# x, y (H, W) within about [-1, 1] over the part, cycles over that range, random generator.
Texture = Callable[[np.ndarray, np.ndarray, float, np.random.Generator], np.ndarray]


def smooth_noise(rng: np.random.Generator, cells: int, side: int) -> np.ndarray:
    """Noise with about `cells` bumps a side, (side, side) float32 in [0, 1]."""
    coarse = Image.fromarray(rng.integers(0, 256, (cells, cells), dtype=np.uint8))
    fine = coarse.resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(fine, dtype=np.float32) / 255


def _steep(wave: np.ndarray) -> np.ndarray:
    """A wave in [-1, 1] as two tones with soft edges, so that nothing aliases."""
    return np.clip(0.5 + 1.6 * wave, 0, 1)


def _wave(position: np.ndarray, cycles: float, rng: np.random.Generator) -> np.ndarray:
    return np.sin(np.pi * cycles * position + rng.uniform(0, 2 * np.pi))


TEXTURES: dict[str, Texture] = {
    "plain": lambda x, y, cycles, rng: np.zeros_like(x),
    "striped": lambda x, y, cycles, rng: _steep(_wave(x, cycles, rng)),
    "wavy": lambda x, y, cycles, rng: _steep(_wave(y + 0.22 * np.sin(6 * x), cycles, rng)),
    "checked": lambda x, y, cycles, rng: _steep(
        2 * _wave(x, 0.8 * cycles, rng) * _wave(y, 0.8 * cycles, rng)
    ),
    "dotted": lambda x, y, cycles, rng: _steep(
        _wave(x, cycles, rng) + _wave(y, cycles, rng) - 0.75
    ),
    "shaded": lambda x, y, cycles, rng: np.clip(0.5 + 0.6 * y, 0, 1),
    "ringed": lambda x, y, cycles, rng: _steep(_wave(np.hypot(x, y), cycles, rng)),
    "rayed": lambda x, y, cycles, rng: _steep(
        np.sin(6 * np.arctan2(y, x) + rng.uniform(0, 2 * np.pi))
    ),
    "speckled": lambda x, y, cycles, rng: _steep(2 * smooth_noise(rng, len(x) // 3, len(x)) - 1.1),
}
