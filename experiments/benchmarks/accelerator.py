"""The workloads on a GPU or TPU. Written without one at hand: they were tried on a CPU only."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from tempfile import TemporaryDirectory
from unittest.mock import patch

import jax
import numpy as np

from benchmarks import ours, pytorch
from benchmarks.exact import exact_features
from benchmarks.few_shot import Job
from benchmarks.inputs import Network, Sizes, photo
from benchmarks.measure import Arm, compare, take_turns
from benchmarks.rates import matrix_rate, operations
from benchmarks.results import Comparison, Row
from vggjax.errors import DataError
from vggjax.features import compute
from vggjax.inspect import AscentConfig, ascend

_EXACT = 2  # images computed in float64
_TOLERANCES = {"float32": 3e-2, "bfloat16": 1e-1}  # float32 has 10 bits on many GPUs, 8 on a TPU
_STEPS = 32  # of ascent, in one round


def choose(device: str) -> None:
    """Let JAX compute on a `cpu`, `gpu` or `tpu`; DataError if it has no such device."""
    if device == "cpu":
        jax.config.update("jax_platforms", "cpu")
        return
    # JAX would take most of a GPU's memory at once, and leave none to PyTorch.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if jax.default_backend() != device:
        raise DataError(
            f"JAX has no {device} here, only a {jax.default_backend()}: install the extra "
            f"{'cuda' if device == 'gpu' else 'tpu'} on a machine that has one."
        )


def features(sizes: Sizes) -> Iterator[Comparison]:
    """Frozen features of images that are on the device, in float32 and bfloat16, beside PyTorch."""
    side, count = sizes.network.image_size, max(sizes.batches)
    images = np.stack([photo(number, (side, side)) for number in range(count)])
    rates = {dtype: matrix_rate(dtype, sizes.matrix_side) for dtype in _TOLERANCES}
    for layer in sizes.layers:
        network = Network.random(sizes.network, layer)
        x, work = network.prepared(images), operations(network)
        exact = exact_features(network, x[:_EXACT])
        for batch in sizes.batches:
            arms = _arms(network, images[:batch], x[:batch])
            rows = compare(list(arms), sizes.rounds, exact=exact[:batch])
            title = f"frozen features: {batch} images of {side} px until {layer}, on the device"
            yield Comparison(
                f"a {layer} {batch}",
                title,
                tuple(_with_share(row, rates, batch * work) for row in rows),
                units=batch,
                notes=(*_rate_notes(rates), peak_note()),
                column=f"{layer}, {batch}",
            )


def _arms(network: Network, images: np.ndarray, x: np.ndarray) -> Iterator[Arm]:
    chain = network.chain()
    for dtype, tolerance in _TOLERANCES.items():
        make = partial(ours.forward_on_device, chain, images, dtype)
        yield Arm(f"this project {dtype}", make, tolerance, ours=True)
    for dtype, tolerance in _TOLERANCES.items():
        make = partial(pytorch.forward, network, x, dtype, compiled=True, device="cuda")
        yield Arm(f"PyTorch compiled {dtype}", make, tolerance)


def _with_share(row: Row, rates: dict[str, float], work: float) -> Row:
    """The row with a note of its share of the rate of its type."""
    if not row.seconds:
        return row
    rate = work / row.median
    share = rate / rates[row.arm.split()[-1]]
    return replace(row, note=f"{rate / 1e12:.3g} TFLOP/s, {share:.0%} of the measured rate")


def _rate_notes(rates: dict[str, float]) -> Iterator[str]:
    for dtype, rate in rates.items():
        yield f"JAX multiplies large matrices at {rate / 1e12:.3g} TFLOP/s in {dtype}"


def peak_note() -> str:
    """The most memory of the device that JAX has had so far, where the device tells it."""
    told = jax.local_devices()[0].memory_stats() or {}
    if "peak_bytes_in_use" not in told:
        return "this device doesn't tell how much memory is in use"
    limit = told.get("bytes_limit")
    of = f" of {limit / 1e6:,.0f}" if limit else ""
    return (
        f"peak device memory of this project so far: {told['peak_bytes_in_use'] / 1e6:,.0f}{of} MB"
    )


def ascent(sizes: Sizes) -> list[Comparison]:
    """Gradient ascent on the input for many filters at once; compilation is not counted."""
    chain = Network.random(sizes.network, "block5_conv3").chain()
    config = AscentConfig(steps=_STEPS, size=sizes.visualized_side)
    count = min(sizes.visualized, sizes.network.widths[-1])
    run = partial(ascend, chain, "block5_conv3", range(count), config)
    arms = [Arm("this project", lambda: lambda: run().losses, ours=True)]
    title = f"ascent: {count} filters of block5_conv3, {config.size} px, {_STEPS} steps"
    rows = compare(arms, sizes.rounds)
    units, notes = _STEPS * count, (f"a step: one filter's; {count} at a time", peak_note())
    return [Comparison("d", title, rows, units, "steps", notes=notes)]


def job(sizes: Sizes) -> list[Comparison]:
    """The few-shot job with a cold cache, beside its parts: decoding, and features alone."""
    work = Job(sizes)
    images = work.images()
    decoded = images[:]
    compute(work.backbone, decoded, _batch(sizes))  # compiles

    def cold() -> None:
        with (
            TemporaryDirectory(prefix="vggjax-") as folder,
            patch.dict(os.environ, VGGJAX_CACHE=folder),
        ):
            work.run()

    seconds = take_turns({"compiling": cold}, 1) | take_turns(
        {
            "whole job, cold cache": cold,
            "decoding alone": lambda: images[:],
            "features alone": lambda: compute(work.backbone, decoded, _batch(sizes)),
        },
        sizes.rounds,
    )
    rows = tuple(Row(name, each, ours=True) for name, each in seconds.items())
    title = (
        f"few-shot job: {len(images):,} images of {sizes.classes} classes, {sizes.epochs} epochs"
    )
    notes = ("decoding by all cores; the job decodes while the device computes", peak_note())
    return [Comparison("b", title, rows, len(images), ratios=False, notes=notes)]


def _batch(sizes: Sizes) -> int:
    return max(sizes.batches)


WORKLOADS: dict[str, Callable[[Sizes], Iterable[Comparison]]] = {
    "a": features,
    "b": job,
    "d": ascent,
}
