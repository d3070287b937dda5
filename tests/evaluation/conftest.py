"""Answers to judge: a seeded classifier's, of classes of different size and difficulty."""

import numpy as np
import pytest
from scipy.special import softmax

from vggjax.evaluation import Predictions

CLASSES, IMAGES = 5, 400


@pytest.fixture(scope="package")
def logits_and_labels():
    random = np.random.default_rng(0)
    labels = random.choice(CLASSES, IMAGES, p=(0.4, 0.3, 0.15, 0.1, 0.05))
    strength = np.array((5, 3, 2, 2, 1))[labels, None]
    logits = strength * np.eye(CLASSES)[labels] + random.normal(size=(IMAGES, CLASSES))
    return logits, labels


@pytest.fixture(scope="package")
def told(logits_and_labels):
    logits, labels = logits_and_labels
    return Predictions(list(map(str, range(IMAGES))), labels, softmax(logits, axis=1), "abcde")
