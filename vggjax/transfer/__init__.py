"""Transfer learning: features extracted once, a head trained on them."""

from vggjax.transfer.cache import Features
from vggjax.transfer.classifier import Classifier
from vggjax.transfer.examples import Examples
from vggjax.transfer.features import extract
from vggjax.transfer.few_shot import Parts, Run, Trained, train_head, train_sizes
from vggjax.transfer.optimizer import rmsprop
from vggjax.transfer.training import Epoch, FitConfig, FitResult, Metrics, evaluate, fit, predict

__all__ = [
    "Classifier",
    "Epoch",
    "Examples",
    "Features",
    "FitConfig",
    "FitResult",
    "Metrics",
    "Parts",
    "Run",
    "Trained",
    "evaluate",
    "extract",
    "fit",
    "predict",
    "rmsprop",
    "train_head",
    "train_sizes",
]
