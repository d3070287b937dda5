"""temporary"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax


def fit_temperature(logits, labels):
    scale = max(float(logits.std()), 1e-12)
    own = np.arange(len(labels)), labels

    def loss(log_t):
        return -log_softmax(logits / (scale * np.exp(log_t)), axis=1)[own].mean()

    found = minimize_scalar(loss, bounds=(-7, 7), method="bounded")
    return float(scale * np.exp(found.x))
