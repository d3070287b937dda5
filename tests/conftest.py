"""The small networks and images that tests of all parts share."""

import contextlib
import hashlib
import os
import subprocess
import sys
import time

import hypothesis
import numpy as np
import pytest
from PIL import Image

from vggjax.data import IMAGE_SUFFIXES
from vggjax.model import Chain, VGGConfig, build_vgg, parameter_shapes, softmax_head
from vggjax.weights import WeightsInfo, save

# The same examples each time, however slow the machine.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("same")

SMALL = VGGConfig(widths=(4, 6, 8, 8, 8), hidden=16, classes=5, image_size=32)


@pytest.fixture(scope="session")
def small_config() -> VGGConfig:
    return SMALL


@pytest.fixture(scope="session")
def random_tree():
    """Draws a tree of parameters: He-normal kernels, small random biases (not the library's)."""

    def draw(config: VGGConfig, seed: int = 0) -> dict:
        rng = np.random.default_rng(seed)
        return {
            layer: {
                "kernel": _normal(rng, np.sqrt(2 / np.prod(s["kernel"][:-1])), s["kernel"]),
                "bias": _normal(rng, 0.1, s["bias"]),
            }
            for layer, s in parameter_shapes(config).items()
        }

    return draw


def _normal(rng, deviation, shape):
    return rng.normal(scale=deviation, size=shape).astype(np.float32)


@pytest.fixture(scope="session")
def small_tree(random_tree) -> dict:
    return random_tree(SMALL)


@pytest.fixture(scope="session")
def small_vgg(small_tree) -> Chain:
    return build_vgg(SMALL, small_tree)


@pytest.fixture(scope="session")
def backbone(small_vgg) -> Chain:
    return small_vgg.until("fc2")


@pytest.fixture(scope="session")
def full(backbone) -> Chain:
    return backbone.then(softmax_head((16,), 5, start="glorot"))


@pytest.fixture(scope="session")
def small_weights(small_config, small_tree, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights") / "small"
    save(folder, small_tree, WeightsInfo("small", "test", "", small_config, {}))
    return folder


@pytest.fixture(scope="session")
def small_images() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)


class MemoryImages:
    """Images in memory that can be named by their content; counts how many were asked for."""

    def __init__(self, pixels):
        self.pixels = pixels
        self.shape = pixels.shape
        self.decoded = 0

    def __len__(self):
        return len(self.pixels)

    def __getitem__(self, indices):
        batch = self.pixels[indices]
        self.decoded += len(batch)
        return batch

    def keys(self):
        digests = [hashlib.sha256(image.tobytes()).digest() for image in self.pixels]
        return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32)

    def subset(self, indices):
        return MemoryImages(self.pixels[indices])


@pytest.fixture
def labels():
    return np.random.default_rng(2).integers(0, 5, 70).astype(np.int32)


@pytest.fixture
def images(labels):
    """70 images of noise whose brightness tells the label."""
    noise = np.random.default_rng(3).integers(0, 60, (70, 32, 32, 3))
    return MemoryImages((noise + 40 * labels.reshape(-1, 1, 1, 1)).astype(np.uint8))


@pytest.fixture(scope="session")
def patience() -> float:
    """Seconds to wait for another program; more where even the start of one takes long."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import jax; jax.numpy.zeros(1)"], check=True)
    return max(100, 60 * (time.perf_counter() - begin))


@pytest.fixture
def run_together(patience):
    """Runs Python with each list of arguments, all at once: (exit status, stdout, stderr) of each.

    `environments` change this one's variables. None outlives the test, whatever becomes of it.
    """

    def run(arguments, environments):
        with contextlib.ExitStack() as stack:
            programs = []
            for own, environment in zip(arguments, environments, strict=True):
                program = subprocess.Popen(
                    [sys.executable, *map(str, own)],
                    env={**os.environ, **environment},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
                stack.enter_context(program)  # closes its pipes, and waits
                stack.callback(program.kill)  # JAX catches the gentler signal
                programs.append(program)
            texts = [program.communicate(timeout=patience) for program in programs]
        return [(p.returncode, *text) for p, text in zip(programs, texts, strict=True)]

    return run


@pytest.fixture
def no_heif(monkeypatch):
    """As where pillow-heif isn't installed."""
    suffixes = frozenset(suffix for suffix in IMAGE_SUFFIXES if suffix[:3] not in (".he", ".hi"))
    monkeypatch.setattr("vggjax.data.listing.IMAGE_SUFFIXES", suffixes)
    monkeypatch.setattr("vggjax.data.images.find_spec", lambda name: None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
