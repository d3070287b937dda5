"""What is known of a trained head: one record, whatever it was trained for."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vggjax.data import WHOLE
from vggjax.model import Chain, JointHead
from vggjax.training.history import Epoch, Metrics
from vggjax.training.judging import Judgement


@dataclass(frozen=True)
class Record:
    """One trained head in numbers: losses in nats, accuracies in 0–1, of the finished head.

    `key` tells it from the other heads of a run: the seed, and what the run compares, such as
    `samples`, `layer`, `recipe` or `temperature`. `images` are the numbers of images that were
    really used, by part, and `least_per_class` those of the class with the fewest. `balanced` is
    the test accuracy with each class counting alike, `calibration` what the test images say of
    the probabilities (see `Judgement.summary`), `chosen` what was chosen for the head, in words.
    A head that isn't trained in epochs has 0 of them.
    """

    key: Mapping[str, Any]
    train: Metrics
    validation: Metrics
    test: Metrics
    images: Mapping[str, int]
    least_per_class: Mapping[str, int]
    trainable_parameters: int
    frozen_parameters: int
    seconds: float
    balanced: float
    calibration: Mapping[str, float]
    epochs: int = 0
    kept_epoch: int = 0
    learning_rate: float = 0.0
    chosen: str = ""

    @property
    def name(self) -> str:
        """The key in a file's name, such as `4-seed0`."""
        return key_name(self.key)

    def to_json(self) -> dict[str, Any]:
        """The record as JSON-compatible data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Record":
        """The record that `to_json` gave; TypeError or KeyError for anything else."""
        metrics = {part: _metrics(data[part]) for part in ("train", "validation", "test")}
        return cls(**{**data, **metrics})


def _metrics(numbers: Mapping[str, Any]) -> Metrics:
    """Those of a record in JSON, which knows no NaN."""
    return Metrics(**{name: math.nan if n is None else n for name, n in numbers.items()})


def key_name(key: Mapping[str, Any]) -> str:
    """A record's key in a file's name, such as `4-seed0`."""
    others = [value for name, value in key.items() if name != "seed"]
    words = [f"{value:g}" if isinstance(value, float) else str(value) for value in others]
    return "-".join([*words, f"seed{key['seed']}"])


@dataclass(frozen=True)
class TrainedHead:
    """A head that was trained behind some layers, its record, and its history.

    `layers` end with the deepest of them; `views` are those of each image that the logits are the
    mean of. `judgement` has what the head said of the test images;
    `calibrated` is the head with its logits divided by the temperature found there.
    """

    record: Record
    layers: tuple[str, ...]
    head: Chain | JointHead
    calibrated: Chain | JointHead
    judgement: Judgement
    history: tuple[Epoch, ...] = ()
    views: tuple[str, ...] = (WHOLE,)
