"""The course of training as TensorBoard event files (row R3)."""

import time
from pathlib import Path
from typing import Any

from vggjax.errors import VggjaxError
from vggjax.files import named_for
from vggjax.training import Epoch

PARTS = ("train", "validation")
METRICS = ("loss", "accuracy")


class EventLog:
    """Writes the epochs of one run into `folder`, while it trains; `tensorboard --logdir` shows it.

    The scalars are `loss/train`, `loss/validation` (nats), `accuracy/train` and
    `accuracy/validation` (0–1), against the number of the epoch. The event files of an earlier run
    in `folder` are removed. Raises VggjaxError without the package tensorboardX, and OSError if
    the folder can't be written: tensorboardX's own SummaryWriter, which writes in a thread, would
    hang then.
    """

    def __init__(self, folder: Path) -> None:
        require_tensorboard()
        from tensorboardX.event_file_writer import EventsWriter

        self._folder = folder
        with named_for(folder, folder):
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.glob("events.out.tfevents.*"):
                old.unlink()
            self._writer: Any = EventsWriter(str(folder / "events"))
            self._writer.flush()

    def add(self, epoch: Epoch) -> None:
        """Log an epoch that has ended."""
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.summary import scalar

        with named_for(self._folder, self._folder):
            for part in PARTS:
                metrics = getattr(epoch, part)
                for name in METRICS if metrics else ():
                    summary = scalar(f"{name}/{part}", getattr(metrics, name))
                    event = Event(wall_time=time.time(), step=epoch.number, summary=summary)
                    self._writer.write_event(event)
            self._writer.flush()

    def close(self) -> None:
        """Write what is still waiting."""
        with named_for(self._folder, self._folder):
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
