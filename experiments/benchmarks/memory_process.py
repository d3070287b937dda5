"""What `memory.py` starts: extract features, and print the peak memory and the seconds."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from vggjax.data import ImageArray, load_folder
from vggjax.model import VGGConfig
from vggjax.transfer import extract
from vggjax.weights import load_vgg16


def main(job: dict[str, Any]) -> None:
    """Extract the first `count` images; one batch before them, to compile, is not timed."""
    config, cache = VGGConfig.from_json(job["config"]), Path(job["cache"])
    backbone = load_vgg16("random", "fc2", config=config)
    dataset = load_folder(job["folder"])
    images = ImageArray(dataset, np.arange(job["count"]), size=config.image_size)
    extract(backbone, images.subset(slice(job["batch"])), batch_size=job["batch"], cache=cache)
    start = time.perf_counter()
    extract(backbone, images, batch_size=job["batch"], cache=cache)
    seconds = time.perf_counter() - start
    print(json.dumps({"peak_bytes": peak_bytes(), "seconds": seconds}))


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
    main(json.loads(sys.argv[1]))
