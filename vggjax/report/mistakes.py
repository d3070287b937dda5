"""What a classifier got wrong, and which labels may be: facts, tables and pictures of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vggjax.data import ImageArray
from vggjax.evaluation import Predictions, Suspect, most_confused, suspects, worst_errors
from vggjax.report.confusion import confusion_figure
from vggjax.report.judging import (
    SUSPECTS,
    WORST,
    class_figure,
    errors_figure,
    reliability_figure,
    suspects_figure,
)
from vggjax.report.spreadsheets import (
    write_classes,
    write_confusion,
    write_predictions,
    write_suspects,
)

if TYPE_CHECKING:
    from vggjax.report.shown import Figure

FIGURES = ("reliability", "confusion", "classes", "errors", "suspects")


@dataclass(frozen=True)
class Mistakes:
    """A head's answers to its test images (`tested`), and all labels, each judged without it.

    `everything` has the images behind all labels, by heads that weren't fitted on them; `before`
    are the answers before calibration, of a head that gave probabilities by itself.
    """

    tested: Predictions
    everything: Predictions
    before: Predictions | None = None

    @cached_property
    def suspects(self) -> list[Suspect]:
        """The images of `everything` whose labels may be wrong, the likeliest first."""
        return suspects(self.everything)

    @property
    def facts(self) -> dict[str, Any]:
        """The chief of them, as JSON-compatible data."""
        first = self.everything.ids[self.suspects[0].image] if self.suspects else None
        confused = most_confused(self.tested)
        return {
            "confused": [[pair.true, pair.guess, pair.count] for pair in confused],
            "suspects": len(self.suspects),
            "first suspect": first,
            "images": len(self.everything),
        }

    @property
    def tables(self) -> dict[str, Callable[[Path], None]]:
        """What writes each of the tables, by the file's name."""
        return {
            "predictions.csv": partial(write_predictions, told=self.tested),
            "confusion.csv": partial(write_confusion, told=self.tested),
            "classes.csv": partial(write_classes, told=self.tested),
            "suspects.csv": partial(write_suspects, told=self.everything, found=self.suspects),
        }

    def figure(self, name: str, images: ImageArray, title: str) -> Figure | None:
        """One of FIGURES; None where there is no error, or no suspect, to show.

        `images` are those of the data set, from which the pictures are taken.
        """
        wrong = worst_errors(self.tested, WORST)
        if (name == "errors" and not len(wrong)) or (name == "suspects" and not self.suspects):
            return None
        if name == "reliability":
            return reliability_figure(self.tested, title, self.before)
        if name == "confusion":
            return confusion_figure(self.tested, title)
        if name == "classes":
            return class_figure(self.tested, title)
        if name == "errors":
            about = f"{title}, {len(wrong)} of {(~self.tested.correct).sum()} mistakes"
            shown = _images(images, self.tested)
            return errors_figure(shown, self.tested, wrong, f"{about}, the surest first")
        own = self.suspects[:SUSPECTS]
        about = f"{title}: labels that may be wrong, {len(own)} of {len(self.suspects)}"
        return suspects_figure(_images(images, self.everything), self.everything, own, about)


def _images(images: ImageArray, told: Predictions) -> ImageArray:
    """The images that predictions are of."""
    places = {images.dataset.ids[number]: row for row, number in enumerate(images.indices)}
    return images.subset(np.array([places[name] for name in told.ids]))
