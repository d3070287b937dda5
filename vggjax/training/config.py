"""How a head is trained: the reference's recipe, and what its program did besides."""

import math
from dataclasses import dataclass
from typing import Literal

from vggjax.errors import DataError


@dataclass(frozen=True)
class FitConfig:
    """How to train; the defaults are the reference's recipe (C1).

    With `patience` set, training stops after that many epochs in which the validation loss did not
    fall by more than `min_delta`, and the parameters of the best epoch are kept; otherwise all
    `epochs` run and the last parameters are kept. `evaluation_batch` is the batch size where
    nothing is trained (None: `batch_size`).

    The rest repeats the reference's program: with `keep` at `last`, early stopping keeps the
    parameters that it stopped at; with `wait_longer` it waits one epoch more than `patience` says,
    as Keras 1's; with `first_epoch_in_order` the first epoch takes the examples as they come, class
    by class where a split gives them. Raises DataError for numbers that make no sense.

    >>> import vggjax
    >>> vggjax.FitConfig(patience=3, keep="last").learning_rate
    0.001
    """

    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 1e-3
    patience: int | None = None
    min_delta: float = 0.0
    seed: int = 0
    evaluation_batch: int | None = None
    keep: Literal["best", "last"] = "best"
    wait_longer: bool = False
    first_epoch_in_order: bool = False

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1 or (self.evaluation_batch or 1) < 1:
            raise DataError("Training needs at least one epoch and a batch size of at least one.")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise DataError(f"The learning rate must be above zero, not {self.learning_rate}.")
        if self.patience is not None and self.patience < 0:
            raise DataError("The patience must be 0 or more epochs.")
        if self.keep not in ("best", "last"):
            raise DataError(f"Early stopping keeps the best or the last epoch, not {self.keep!r}.")

    def ends_after(self, waited: int) -> bool:
        """Whether training stops when the last `waited` epochs brought nothing better."""
        if self.patience is None:
            return False
        return waited > self.patience if self.wait_longer else waited >= max(1, self.patience)
