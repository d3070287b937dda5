"""What a classifier's answers are worth: accuracy with intervals, calibration, mistakes."""

from vggjax.evaluation.calibration import (
    Bin,
    calibration_error,
    confident_errors,
    fit_temperature,
    reliability,
    sure_above,
)
from vggjax.evaluation.mistakes import (
    Confused,
    Suspect,
    confusion_matrix,
    most_confused,
    suspects,
    worst_errors,
)
from vggjax.evaluation.paired import Difference, mcnemar, paired_difference
from vggjax.evaluation.predictions import Predictions
from vggjax.evaluation.statistics import mean_and_deviation, mean_interval, wilson_interval

__all__ = [
    "Bin",
    "Confused",
    "Difference",
    "Predictions",
    "Suspect",
    "calibration_error",
    "confident_errors",
    "confusion_matrix",
    "fit_temperature",
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
