"""What a classifier's answers are worth: accuracy with intervals, calibration, mistakes."""

from vggjax.evaluation.calibration import (
    Bin,
    calibration_error,
    confident_errors,
    fit_temperature,
    log_loss,
    reliability,
    sure_above,
)
from vggjax.evaluation.mistakes import (
    ClassAccuracy,
    Confused,
    Suspect,
    class_accuracies,
    confusion_matrix,
    most_confused,
    suspects,
    worst_errors,
)
from vggjax.evaluation.paired import Difference, McNemar, mcnemar, paired_difference
from vggjax.evaluation.predictions import Predictions
from vggjax.evaluation.statistics import mean_and_deviation, mean_interval, wilson_interval

__all__ = [
    "Bin",
    "ClassAccuracy",
    "Confused",
    "Difference",
    "McNemar",
    "Predictions",
    "Suspect",
    "calibration_error",
    "class_accuracies",
    "confident_errors",
    "confusion_matrix",
    "fit_temperature",
    "log_loss",
    "mcnemar",
    "mean_and_deviation",
    "mean_interval",
    "most_confused",
    "paired_difference",
    "reliability",
    "sure_above",
    "suspects",
    "wilson_interval",
    "worst_errors",
]
