"""What is asked before and after training: do chain, examples and optimizer fit together?"""

import math
from typing import Any

from vggjax.errors import DataError, LayerError
from vggjax.features import Examples
from vggjax.features.pixels import warn_of_range
from vggjax.model import Chain, output_shape
from vggjax.training.config import FitConfig


def check_fit(chain: Chain, train: Any, validation: Any, config: FitConfig) -> None:
    """Raise DataError or LayerError for what can't be trained; see `fit`."""
    check_examples(chain, train)
    if validation is not None:
        check_examples(chain, validation)
        if validation.input_shape != train.input_shape:
            raise DataError(
                f"The training inputs are (N, {_shown(train)}), those of validation are "
                f"(N, {_shown(validation)}); they must be made alike."
            )
    elif config.patience is not None:
        raise DataError("Early stopping needs validation examples.")


def check_examples(chain: Chain, examples: Any) -> None:
    """Raise unless `chain` gives logits for these examples and has their labels' classes.

    DataError for other things than `Examples` and for labels beyond the classes, LayerError for
    inputs that the chain can't take, and where it doesn't give a row of logits.
    """
    if not isinstance(examples, Examples):
        raise DataError(
            "Inputs and labels are given together, as vggjax.Examples(inputs, labels), "
            f"not as {type(examples).__name__}."
        )
    shape = output_shape(chain, examples.input_shape)
    if len(shape) != 1:
        raise LayerError(
            f"The chain gives {shape} for each example, not a row of logits (classes,); it needs "
            "a head, as vggjax.softmax_head makes it."
        )
    highest, classes = int(examples.labels.max()), shape[0]
    if highest >= classes:
        raise DataError(
            f"There is a label {highest}, but the chain tells {classes} classes apart, "
            f"0 to {classes - 1}."
        )
    warn_of_range(chain, examples)


def check_loss(loss: float, examples: Examples, which: str) -> None:
    """Raise DataError, with the likeliest cause, if the loss of the examples isn't finite."""
    if math.isfinite(loss):
        return
    examples.require_finite()
    raise DataError(f"The {which} loss is no longer finite; try a lower learning rate.")


def check_optimizer(optimizer: Any) -> None:
    """Raise DataError for anything but None and an object as Optax's optimizers are."""
    if optimizer is not None and not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise DataError(
            "An optimizer is an object of Optax, such as optax.adam(1e-3), not "
            f"{getattr(optimizer, '__name__', repr(optimizer))}."
        )


def _shown(examples: Examples) -> str:
    return ", ".join(map(str, examples.input_shape))
