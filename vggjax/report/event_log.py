"""The course of training as TensorBoard event files (row R3)."""

from pathlib import Path
from typing import Any

from vggjax.errors import VggjaxError
from vggjax.training import Epoch

PARTS = ("train", "validation")
METRICS = ("loss", "accuracy")


class EventLog:
    """Writes the epochs of one run into `folder`, while it trains; `tensorboard --logdir` shows it.

    The scalars are `loss/train`, `loss/validation` (nats), `accuracy/train` and
    `accuracy/validation` (0–1), against the number of the epoch. The event files of an earlier run
    in `folder` are removed. Raises VggjaxError without the package tensorboardX.
    """

    def __init__(self, folder: Path) -> None:
        require_tensorboard()
        from tensorboardX import SummaryWriter

        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        self._writer: Any = SummaryWriter(str(folder))

    def add(self, epoch: Epoch) -> None:
        """Log an epoch that has ended."""
        for part in PARTS:
            metrics = getattr(epoch, part)
            for name in METRICS if metrics else ():
                self._writer.add_scalar(f"{name}/{part}", getattr(metrics, name), epoch.number)

    def close(self) -> None:
        """Write what is still waiting."""
        self._writer.close()


def require_tensorboard() -> None:
    """Raise VggjaxError unless event files can be written here."""
    try:
        import tensorboardX  # noqa: F401
    except ImportError as error:
        raise VggjaxError(
            "TensorBoard logs need the package tensorboardX; install it with "
            "`pip install 'vggjax[tensorboard]'`, or leave --tensorboard out."
        ) from error
