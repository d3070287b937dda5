"""Transfer learning: features extracted once, a head trained on them."""

from vggjax.transfer.cache import Features
from vggjax.transfer.examples import Examples
from vggjax.transfer.features import extract
from vggjax.transfer.fit import Epoch, FitConfig, FitResult, Metrics, evaluate, fit, predict
from vggjax.transfer.optimizer import rmsprop

__all__ = [
    "Epoch",
    "Examples",
    "Features",
    "FitConfig",
    "FitResult",
    "Metrics",
    "evaluate",
    "extract",
    "fit",
    "predict",
    "rmsprop",
]
