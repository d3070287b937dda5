"""The options of experiments that train heads."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

from engine.options import DataOptions, option
from vggjax.data import Dataset, Split, make_reference_split, make_split, reuse_or_make
from vggjax.errors import DataError
from vggjax.model.heads import STARTS, Start
from vggjax.training import FitConfig

REFERENCE, STEADY = "reference", "steady"  # recipes of heads


@dataclass(frozen=True, kw_only=True)
class HeadOptions(DataOptions):
    """How heads are trained and kept; the defaults are the reference's (C1)."""

    group: ClassVar[str] = "training"
    rank: ClassVar[int] = 2
    several_seeds: ClassVar[bool] = True
    # Whether the reference's code let the same images validate and test.
    code_joins: ClassVar[bool] = False

    samples: tuple[int, ...] = option((4,), "training images per class", metavar="N", least=1)
    val: int = option(24, "validation images per class", metavar="N", least=1)
    test: int = option(24, "test images per class", metavar="N", least=1)
    epochs: int = option(20, "at most so many epochs", metavar="N", least=1)
    batch_size: int = option(32, "images in a training step", metavar="N", least=1)
    lr: float | None = option(1e-3, "learning rate of RMSprop", metavar="RATE")
    start: str | None = option(
        None, "the head's values before training (default: zero; on the reference's data sets, and "
        "the demo set, glorot as there)", choices=STARTS,
    )  # fmt: skip
    patience: int | None = option(
        None, "stop after so many epochs without a better validation loss (default: don't)",
        metavar="N", least=0,
    )  # fmt: skip
    reference_split: bool = option(
        False, "as the reference on Urban Tribes: the same images (val + test of each class) "
        "validate and test",
    )  # fmt: skip
    as_its_code: bool = option(
        False, "repeat the reference's program to the letter (see docs/reference.md)"
    )
    classifiers: bool = option(True, "save the trained heads, for predict.py", beside=True)
    tensorboard: bool = option(
        False, "write TensorBoard logs, too; `tensorboard --logdir FOLDER` shows them from the "
        "first epoch on", beside=True,
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        its_own = self.resize in (None, "nearest") and self.start in (None, "glorot")
        if self.as_its_code and not its_own:
            raise DataError("--as-its-code means --resize nearest and --start glorot.")
        self.fit_config(seed=0, rate=1.0 if self.lr is None else self.lr)  # nonsense shows at once

    def resolved(self, reference: bool) -> Self:
        """As for all experiments, and where heads start."""
        reference = reference or self.as_its_code
        chosen = super().resolved(reference)
        return replace(chosen, start=self.start or ("glorot" if reference else "zero"))

    @property
    def head_start(self) -> Start:
        """Where heads start."""
        return "glorot" if self.start == "glorot" else "zero"

    def splits(self, out: Path, dataset: Dataset) -> list[Split]:
        """One split for each seed; a stored one serves the same request only."""
        make, request = make_split, (dataset, max(self.samples), self.val, self.test)
        if self.joint:
            both = self.val + self.test
            make, request = make_reference_split, (dataset, max(self.samples), both, both)
        stored = reuse_or_make(out / "split.json", *request, self.seed, make)
        return [s if s.joint == self.joint else make(*request, s.seed) for s in stored]

    @property
    def joint(self) -> bool:
        """Whether the same images validate and test."""
        return self.reference_split or (self.as_its_code and self.code_joins)

    @property
    def mark(self) -> str:
        """Whatever is not as it should be."""
        words = ["as its code"] * self.as_its_code + ["validation = test"] * self.joint
        return f" ({', '.join(words)})" if words else ""

    @property
    def variant(self) -> str:
        """The same for folders."""
        words = ["as-its-code"] * self.as_its_code + ["reference-split"] * self.joint
        return "-".join(words)

    @property
    def wanted_files(self) -> tuple[str, ...]:
        """Classifiers and logs, where they are asked for."""
        return ("classifier-",) * self.classifiers + ("tensorboard",) * self.tensorboard

    def fit_config(self, seed: int, rate: float | None = None) -> FitConfig:
        """The training recipe, at `rate` (None: `lr`); features are evaluated in larger batches."""
        return FitConfig(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=(self.lr or 1e-3) if rate is None else rate,
            patience=self.patience,
            seed=seed,
            evaluation_batch=256,
            keep="last" if self.as_its_code else "best",
            wait_longer=self.as_its_code,
            first_epoch_in_order=self.as_its_code,
        )
