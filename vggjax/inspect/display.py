"""Arrays of numbers as images that can be looked at."""

import numpy as np


def contrast_picture(image: np.ndarray) -> np.ndarray:
    """An ascended input (…, H, W, 3) as uint8: its mean is mid-gray, ± 5 deviations fill 0–255.

    The report's transform (U4): (x − mean) / (std + 1e-5) · 0.1 + 0.5, clipped to [0, 1], · 255;
    mean and std are each image's own. Contrast is relative: a faint pattern looks as strong as a
    strong one.
    """
    axes = (-3, -2, -1)
    x = image - image.mean(axes, keepdims=True)
    x = x / (x.std(axes, keepdims=True) + 1e-5)
    return (np.clip(x * 0.1 + 0.5, 0, 1) * 255).astype(np.uint8)


def map_picture(feature_map: np.ndarray) -> np.ndarray:
    """A feature map (…, H, W), each scaled by itself, as uint8: 0 and below black, its top white.

    A map without a positive value is black.
    """
    top = feature_map.max((-2, -1), keepdims=True)
    shares = feature_map / np.where(top > 0, top, 1)
    return np.rint(np.clip(shares, 0, 1) * 255).astype(np.uint8)
