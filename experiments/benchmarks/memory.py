"""Workload `memory`: does extracting more images take more memory, or longer for each?"""

import json
import sys
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.inputs import LAYER, Sizes, rendered_tree
from benchmarks.measure import Skip, run_python
from benchmarks.results import Comparison, Row
from vggjax.data import ImageArray, load_folder
from vggjax.errors import VggjaxError
from vggjax.features import extract
from vggjax.model import VGGConfig
from vggjax.weights import load_vgg

_PER_CLASS = 100
_PER = 1_000  # images to which the seconds are scaled


def memory(sizes: Sizes) -> list[Comparison]:
    """Extraction of few and of many images through a narrow network, each in a new process."""
    classes = max(2, -(-max(sizes.counts) // _PER_CLASS))
    folder = rendered_tree(classes, _PER_CLASS)
    few, many = results = [_in_new_process(folder, count, sizes) for count in sizes.counts]
    rows = [
        Row(f"{count:,} images", (r["seconds"] * _PER,), peak_megabytes=r["megabytes"], ours=True)
        for count, r in zip(sizes.counts, results, strict=True)
    ]
    growth, cost = (many[name] / few[name] - 1 for name in ("megabytes", "seconds"))
    notes = (
        f"peak memory {growth:+.1%}, time per image {cost:+.1%}; seconds are for {_PER:,} images",
        f"VGG of widths {sizes.narrow.widths} at {sizes.narrow.image_size} px, features of "
        f"{sizes.narrow.hidden:,} numbers; file mappings count as memory",
    )
    title = "features of few and of many rendered images, narrow network"
    return [Comparison("memory", title, tuple(rows), units=_PER, ratios=False, notes=notes)]


def _in_new_process(folder: Path, count: int, sizes: Sizes) -> dict[str, float]:
    """The peak memory in `megabytes` and the `seconds` per image; VggjaxError if it fails."""
    job = [str(folder), count, sizes.batch, sizes.narrow.to_json()]
    arguments = ["-m", "benchmarks.memory", json.dumps(job)]
    try:
        return json.loads(run_python(arguments, Path(__file__).resolve().parents[1]))
    except Skip as error:
        raise VggjaxError(f"Extracting {count} images failed: {error}") from error


def extract_images(folder: str, count: int, batch: int, config: dict[str, Any]) -> None:
    """What the new process does: extract the first `count` images, and print what that took.

    One batch before them, to compile, is not timed.
    """
    narrow = VGGConfig.from_json(config)
    backbone = load_vgg("random", LAYER, config=narrow)
    dataset = load_folder(folder)
    images = ImageArray(dataset, np.arange(count), size=narrow.image_size, resize="bilinear")
    with TemporaryDirectory(prefix="vggjax-") as cache:
        run = partial(extract, backbone, batch_size=batch, cache=Path(cache))
        run(images.subset(slice(batch)))
        start = time.perf_counter()
        run(images)
        seconds = time.perf_counter() - start
    print(json.dumps({"megabytes": peak_bytes() / 1e6, "seconds": seconds / count}))


def peak_bytes() -> int:
    """The most memory this program has had at once (resident, file mappings included)."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would include the parent's, from before the program was loaded
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    extract_images(*json.loads(sys.argv[1]))
