"""The course of training as a file for other programs."""

import csv
from collections.abc import Iterable
from pathlib import Path

from vggjax.files import atomic_file
from vggjax.transfer import Trained

METRICS = ("loss", "accuracy")


def write_history(path: Path, results: Iterable[Trained]) -> None:
    """Write `samples,seed,epoch,loss,accuracy,val_loss,val_accuracy`, one line per epoch (C2).

    Losses are in nats, accuracies in 0–1; without validation its columns are empty.
    """
    with atomic_file(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("samples", "seed", "epoch", *METRICS, *(f"val_{m}" for m in METRICS)))
        for result in results:
            for epoch in result.history:
                values = [
                    getattr(metrics, name, "")
                    for metrics in (epoch.train, epoch.validation)
                    for name in METRICS
                ]
                writer.writerow((result.run.samples, result.run.seed, epoch.number, *values))
