"""A small data set and small weights, so that whole experiments run in seconds."""

import numpy as np
import pytest
from PIL import Image

from vggjax.weights import WeightsInfo, save


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Three classes of ten 40-pixel images of noise in three colours."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for label, name in enumerate(("ants", "bees", "cats")):
        (folder / name).mkdir()
        for number in range(10):
            pixels = rng.integers(0, 120, (40, 40, 3), dtype=np.uint8)
            pixels[..., label] += 100
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def small_weights(small_config, small_tree, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights") / "small"
    save(folder, small_tree, WeightsInfo("small", "test", "", small_config, {}))
    return folder
