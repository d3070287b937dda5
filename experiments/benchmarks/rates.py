"""What the machine can do at best: read memory, multiply matrices."""

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.inputs import Network
from benchmarks.results import cores
from vggjax.model import table_until

_ROUNDS = 7


def memory_read_rate(megabytes: int = 1024) -> float:
    """Bytes per second that all cores together read from memory, summing a large array."""
    parts = np.array_split(np.ones(megabytes * 2**18, np.float32), cores())
    with ThreadPoolExecutor(cores()) as pool:
        seconds = _least(lambda: list(pool.map(np.sum, parts)))
    return megabytes * 2**20 / seconds


def matrix_rate(dtype: str, side: int = 8192, repeats: int = 8) -> float:
    """Operations per second of JAX's default device in products of square matrices.

    Several products in a row, each of the one before it, so that starting a program costs nothing.
    float32 is what the device takes for it by default, such as TF32.
    """
    key = jax.random.key(0)
    a = jax.random.normal(key, (side, side), jnp.float32).astype(dtype)
    step = jax.jit(partial(_products, repeats=repeats))
    seconds = _least(lambda: step(a, a).block_until_ready())
    return 2 * side**3 * repeats / seconds


def _products(x: jax.Array, a: jax.Array, *, repeats: int) -> jax.Array:
    for _ in range(repeats):
        x = (x @ a) * jnp.asarray(1 / math.sqrt(len(a)), x.dtype)
    return x


def operations(network: Network) -> float:
    """Those that the direct form of the network takes for an image: two for a multiplication."""
    total, places = 0, network.config.image_size**2
    for spec in table_until(network.config, network.layer):
        if spec.kind == "pool":
            side = math.isqrt(places) // 2
            places = side * side
        elif spec.kernel:
            total += 2 * math.prod(spec.kernel) * (places if spec.kind == "convolution" else 1)
    return total


def _least(run: Callable[[], Any]) -> float:
    """The seconds of the fastest of some runs, after one that doesn't count."""
    run()
    seconds = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
