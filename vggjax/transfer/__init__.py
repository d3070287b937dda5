"""Transfer learning: features extracted once, a head trained on them."""

from vggjax.transfer.cache import Features
from vggjax.transfer.classifier import Classifier
from vggjax.transfer.examples import Examples
from vggjax.transfer.features import extract, extract_layers
from vggjax.transfer.few_shot import Parts, Run, Trained, train_head, train_sizes
from vggjax.transfer.heads import FittedHead, fit_head, layer_head, split_images, steady_rate
from vggjax.transfer.losses import cross_entropy, keras_cross_entropy
from vggjax.transfer.optimizer import rmsprop
from vggjax.transfer.statistics import standardizing
from vggjax.transfer.training import Epoch, FitConfig, FitResult, Metrics, evaluate, fit, predict

__all__ = [
    "Classifier",
    "Epoch",
    "Examples",
    "Features",
    "FitConfig",
    "FitResult",
    "FittedHead",
    "Metrics",
    "Parts",
    "Run",
    "Trained",
    "cross_entropy",
    "evaluate",
    "extract",
    "extract_layers",
    "fit",
    "fit_head",
    "keras_cross_entropy",
    "layer_head",
    "predict",
    "rmsprop",
    "split_images",
    "standardizing",
    "steady_rate",
    "train_head",
    "train_sizes",
]
