"""Heads trained on frozen features: the partitioned optimizer, the step, records, classifiers."""

from typing import TYPE_CHECKING, Any

from vggjax.evaluation import mean_and_deviation, wilson_interval
from vggjax.training.config import FitConfig
from vggjax.training.finetune import FineTuned, cut_before, fine_tune
from vggjax.training.fitting import evaluate, fit
from vggjax.training.heads import layer_head, steady_rate, train_head, tune_head
from vggjax.training.history import Epoch, FitResult, Metrics
from vggjax.training.judging import Judgement, calibrated, judge
from vggjax.training.losses import beyond_clip, cross_entropy, keras_cross_entropy
from vggjax.training.optimizer import keras1_rmsprop, rmsprop
from vggjax.training.parts import Parts, split_parts, used_images
from vggjax.training.record import Record, TrainedHead
from vggjax.training.resume import Lasting
from vggjax.training.standardize import standardizing

if TYPE_CHECKING:
    from vggjax.training.classifier import Classifier

__all__ = [
    "Classifier",
    "Epoch",
    "FineTuned",
    "FitConfig",
    "FitResult",
    "Judgement",
    "Lasting",
    "Metrics",
    "Parts",
    "Record",
    "TrainedHead",
    "beyond_clip",
    "calibrated",
    "cross_entropy",
    "cut_before",
    "evaluate",
    "fine_tune",
    "fit",
    "judge",
    "keras1_rmsprop",
    "keras_cross_entropy",
    "layer_head",
    "mean_and_deviation",
    "rmsprop",
    "split_parts",
    "standardizing",
    "steady_rate",
    "train_head",
    "tune_head",
    "used_images",
    "wilson_interval",
]


def __getattr__(name: str) -> Any:
    """Import `Classifier` when it is first used: who only reports a result doesn't need it."""
    if name != "Classifier":
        raise AttributeError(f"module 'vggjax.training' has no attribute '{name}'")
    from vggjax.training.classifier import Classifier

    globals()[name] = Classifier
    return Classifier
