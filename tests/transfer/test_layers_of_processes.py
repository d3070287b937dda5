"""Two real processes extract several layers together, each with a cache of its own."""

import io
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from vggjax.data import Dataset, ImageArray
from vggjax.model import VGGConfig
from vggjax.transfer import extract, extract_layers
from vggjax.weights import load_vgg16

CONFIG = VGGConfig(widths=(4, 6, 8, 8, 8), hidden=16, classes=5, image_size=32)
LAYERS = ["block5_conv1", "block5_conv3", "fc1"]
PROGRAM = """
import sys
from pathlib import Path
from vggjax import distributed
distributed.initialize(sys.argv[1], 2, int(sys.argv[2]))
import test_layers_of_processes as here
here.extract_and_save(Path(sys.argv[3]), int(sys.argv[2]))
"""


def extract_and_save(folder, number):
    """One layer of some images is known to one process alone beforehand."""
    ids = tuple(map(str, range(21)))
    dataset = Dataset("noise", ("one",), ids, np.zeros(21, np.int32), noise)
    images, backbone = ImageArray(dataset, size=32), load_vgg16("random", config=CONFIG)
    cache = folder / f"cache{number}"
    extract(backbone.until("fc1"), images.subset(np.arange(5)), cache=cache)
    features = extract_layers(backbone, LAYERS, images, batch_size=4, cache=cache)
    np.savez(folder / f"{number}.npz", **{name: features[name][:] for name in LAYERS})


def noise(name):
    pixels = np.random.default_rng(int(name)).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def test_both_have_all_rows_of_all_layers(tmp_path):
    with socket.socket() as server:
        server.bind(("", 0))
        address = f"localhost:{server.getsockname()[1]}"
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), str(here.parents[1])])
    environment = {**os.environ, "XLA_FLAGS": "", "PYTHONPATH": paths}
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, address, str(number), str(tmp_path)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in range(2)
    ]
    try:
        outputs = [program.communicate(timeout=60)[0] for program in programs]
    finally:
        for program in programs:
            program.kill()
    assert [program.returncode for program in programs] == [0, 0], outputs
    extract_and_save(tmp_path, 2)
    one = np.load(tmp_path / "2.npz")
    for number in range(2):
        loaded = np.load(tmp_path / f"{number}.npz")
        for name in LAYERS:
            np.testing.assert_allclose(loaded[name], one[name], rtol=1e-5, atol=1e-5)
