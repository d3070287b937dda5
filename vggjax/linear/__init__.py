"""Linear heads on frozen features, solved exactly, and the best of them chosen."""

from vggjax.linear.choice import Choice, Tried
from vggjax.linear.coordinates import Coordinates, coordinates
from vggjax.linear.features import LayerFeatures
from vggjax.linear.fit import RECIPES, LinearFit, fit_linear, out_of_fold
from vggjax.linear.heads import KINDS, held_out
from vggjax.linear.logistic import logistic
from vggjax.linear.means import class_means
from vggjax.linear.ridge import ridge, ridge_held_out
from vggjax.linear.rows import Rows
from vggjax.linear.solution import Solution
from vggjax.linear.train import logits_of, train_linear

__all__ = [
    "KINDS",
    "RECIPES",
    "Choice",
    "Coordinates",
    "LayerFeatures",
    "LinearFit",
    "Rows",
    "Solution",
    "Tried",
    "class_means",
    "coordinates",
    "fit_linear",
    "held_out",
    "logistic",
    "logits_of",
    "out_of_fold",
    "ridge",
    "ridge_held_out",
    "train_linear",
]
