"""Two real processes extract several layers together, each with a cache of its own."""

import io
import socket

import numpy as np
import pytest
from PIL import Image

from vggjax.data import Dataset, ImageArray
from vggjax.features import extract, extract_layers, extract_views
from vggjax.model import VGGConfig
from vggjax.weights import load_vgg

CONFIG = VGGConfig(widths=(4, 6, 8, 8, 8), hidden=16, classes=5, image_size=32)
VIEWS = ["flip", "large"]
LAYERS = ["block5_conv1", "block5_conv3", "fc1"]
PROGRAM = """
import sys
from pathlib import Path
from vggjax import distributed
distributed.initialize(sys.argv[1], 2, int(sys.argv[2]))
import test_exchange as here
here.extract_and_save(Path(sys.argv[3]), int(sys.argv[2]))
"""


def extract_and_save(folder, number):
    """One layer of some images is known to one process alone beforehand."""
    ids = tuple(map(str, range(21)))
    dataset = Dataset("noise", ("one",), ids, np.zeros(21, np.int32), noise)
    images, backbone = ImageArray(dataset, size=32), load_vgg("random", config=CONFIG)
    cache = folder / f"cache{number}"
    extract(backbone.until("fc1"), images.subset(np.arange(5)), cache=cache)
    features = extract_layers(backbone, LAYERS, images, batch_size=4, cache=cache)
    views = extract_views(backbone, ["fc1"], images, VIEWS, batch_size=4, cache=cache)
    found = features | {view: own["fc1"] for view, own in views.items()}
    np.savez(folder / f"{number}.npz", **{name: rows[:] for name, rows in found.items()})


def noise(name):
    pixels = np.random.default_rng(int(name)).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


@pytest.mark.slow
def test_both_have_all_rows_of_all_layers(tmp_path, run_programs):
    with socket.socket() as server:
        server.bind(("", 0))
        address = f"localhost:{server.getsockname()[1]}"
    run_programs(PROGRAM, [(address, number, tmp_path) for number in range(2)])
    extract_and_save(tmp_path, 2)
    one = np.load(tmp_path / "2.npz")
    for number in range(2):
        loaded = np.load(tmp_path / f"{number}.npz")
        assert set(loaded) == {*LAYERS, *VIEWS}
        for name in loaded:
            np.testing.assert_allclose(loaded[name], one[name], rtol=1e-5, atol=1e-5)
