"""Images in another range than the network's first layer takes: nothing fails, but all is wrong."""

import warnings

from vggjax.errors import VggjaxWarning
from vggjax.features.examples import Examples
from vggjax.model import Chain

_LOOKED_AT = 8  # images


def warn_of_range(chain: Chain, examples: Examples) -> None:
    """Warn if `chain` starts with `preprocess` and the images are not RGB in 0–255.

    uint8 images are; of others with a `dtype` a few are looked at, if they aren't black all over.
    """
    first = next(iter(chain.names), "")
    if not first or getattr(chain[first], "kind", "") != "preprocess":
        return
    dtype = getattr(examples.inputs, "dtype", None)
    if dtype is None or dtype == "uint8":
        return
    images = examples.sample(_LOOKED_AT)
    low, high = float(images.min()), float(images.max())
    if low == high == 0 or (low >= 0 and 1 < high <= 255):
        return
    warnings.warn(
        f"The images' numbers go from {low:.5g} to {high:.5g}, but the network's first layer, "
        f"'{first}', takes RGB from 0 to 255 and does the rest itself.",
        VggjaxWarning,
        stacklevel=4,
    )
