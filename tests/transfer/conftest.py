"""Images in memory that can be named by their content, and how often they were asked for."""

import hashlib

import numpy as np
import pytest


class MemoryImages:
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
