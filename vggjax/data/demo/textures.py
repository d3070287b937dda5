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


def _plain(x: np.ndarray, y: np.ndarray, cycles: float, rng: np.random.Generator) -> np.ndarray:
    return np.zeros_like(x)


def _striped(x: np.ndarray, y: np.ndarray, cycles: float, rng: np.random.Generator) -> np.ndarray:
    return _steep(_wave(x, cycles, rng))


def _wavy(x: np.ndarray, y: np.ndarray, cycles: float, rng: np.random.Generator) -> np.ndarray:
    return _steep(_wave(y + 0.22 * np.sin(6 * x), cycles, rng))


def _checked(x: np.ndarray, y: np.ndarray, cycles: float, rng: np.random.Generator) -> np.ndarray:
    return _steep(2 * _wave(x, 0.8 * cycles, rng) * _wave(y, 0.8 * cycles, rng))


def _dotted(x: np.ndarray, y: np.ndarray, cycles: float, rng: np.random.Generator) -> np.ndarray:
    return _steep(_wave(x, cycles, rng) + _wave(y, cycles, rng) - 0.75)


def _shaded(x: np.ndarray, y: np.ndarray, cycles: float, rng: np.random.Generator) -> np.ndarray:
    return np.clip(0.5 + 0.6 * y, 0, 1)


def _ringed(x: np.ndarray, y: np.ndarray, cycles: float, rng: np.random.Generator) -> np.ndarray:
    return _steep(_wave(np.hypot(x, y), cycles, rng))


def _rayed(x: np.ndarray, y: np.ndarray, cycles: float, rng: np.random.Generator) -> np.ndarray:
    return _steep(np.sin(6 * np.arctan2(y, x) + rng.uniform(0, 2 * np.pi)))


def _speckled(x: np.ndarray, y: np.ndarray, cycles: float, rng: np.random.Generator) -> np.ndarray:
    side = len(x)
    return _steep(2 * smooth_noise(rng, side // 3, side) - 1.1)


TEXTURES: dict[str, Texture] = {
    "plain": _plain,
    "striped": _striped,
    "wavy": _wavy,
    "checked": _checked,
    "dotted": _dotted,
    "shaded": _shaded,
    "ringed": _ringed,
    "rayed": _rayed,
    "speckled": _speckled,
}
