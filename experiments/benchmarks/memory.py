"""Workload `memory`: does extracting more images take more memory, or longer for each?"""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.pictures import rendered_tree
from benchmarks.results import Comparison, Row
from benchmarks.sizes import Sizes
from vggjax.errors import VggjaxError

_PER_CLASS = 100
_PER = 1_000  # images to which the seconds are scaled


def memory(sizes: Sizes) -> list[Comparison]:
    """Extraction of few and of many images through a narrow network, each in a new process."""
    classes = max(2, -(-max(sizes.counts) // _PER_CLASS))
    folder = rendered_tree(classes, _PER_CLASS)
    few, many = (_row(folder, count, sizes) for count in sizes.counts)
    growth = many.peak_megabytes / few.peak_megabytes - 1
    cost = many.median / few.median - 1
    notes = (
        f"peak memory {growth:+.1%}, time per image {cost:+.1%}; seconds are for {_PER:,} images",
        f"VGG of widths {sizes.narrow.widths} at {sizes.narrow.image_size} px, features of "
        f"{sizes.narrow.hidden:,} numbers; file mappings count as memory",
    )
    title = "features of few and of many rendered images, narrow network"
    return [Comparison("memory", title, (few, many), units=_PER, ratios=False, notes=notes)]


def _row(folder: Path, count: int, sizes: Sizes) -> Row:
    result = _in_new_process(folder, count, sizes)
    seconds = result["seconds"] / count * _PER
    return Row(
        f"{count:,} images", (seconds,), peak_megabytes=result["peak_bytes"] / 1e6, ours=True
    )


def _in_new_process(folder: Path, count: int, sizes: Sizes) -> dict[str, float]:
    with TemporaryDirectory(prefix="vggjax-") as cache:
        job = {
            "folder": str(folder),
            "count": count,
            "config": asdict(sizes.narrow),
            "batch": sizes.batch,
            "cache": cache,
        }
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.memory_process", json.dumps(job)],
            cwd=Path(__file__).resolve().parents[1],
            env={**os.environ, "JAX_PLATFORMS": "cpu"},
            capture_output=True,
            text=True,
        )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise VggjaxError(f"Extracting {count} images failed: {last}")
    return json.loads(done.stdout)
