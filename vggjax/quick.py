"""A classifier from a folder of photos in one call, with a number that it can be trusted by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vggjax.data import (
    WHOLE,
    Dataset,
    ImageArray,
    copy_remarks,
    distinct,
    load_folder,
    make_split,
    unreadable,
    unreadable_error,
    without,
)
from vggjax.errors import DataError, visible
from vggjax.evaluation import Predictions, calibration_error, most_confused, wilson_interval
from vggjax.features import Examples, extract_views
from vggjax.linear import LayerFeatures, LinearFit, fit_linear, logits_of, out_of_fold
from vggjax.model import deepest_layer
from vggjax.provenance import versions
from vggjax.report import Mistakes
from vggjax.training import Classifier, Judgement, judge
from vggjax.weights import load_weights

if TYPE_CHECKING:
    from vggjax.report.shown import Figure

TITLES = {
    "classes": "accuracy by class",
    "confusion": "what was taken for what",
    "reliability": "how far its probabilities can be trusted",
    "errors": "test images",
    "suspects": "all images",
}


@dataclass(frozen=True, repr=False)
class Trained:
    """A classifier, and what it got wrong on the test images; printed, it is a report.

    `remarks` say of the photos what was left out and which are copies.
    """

    classifier: Classifier
    mistakes: Mistakes
    images: ImageArray
    remarks: tuple[str, ...] = ()

    @property
    def tested(self) -> Predictions:
        """What it said of the test images."""
        return self.mistakes.tested

    def __repr__(self) -> str:
        told, count = self.tested, len(self.tested)
        low, high = wilson_interval(told.accuracy, count)
        everything, suspects = self.mistakes.everything, self.mistakes.suspects
        pairs = [
            visible(f"{p.true} taken for {p.guess} ({p.count})") for p in most_confused(told, 3)
        ]
        names = ", ".join(visible(everything.ids[each.image]) for each in suspects[:3])
        return "\n".join(
            [
                f"{len(told.class_names)} classes, {len(everything) - count} images trained on, "
                f"{count} tested",
                f"test accuracy {told.accuracy:.3f} (95 % interval {low:.3f} to {high:.3f}), "
                f"each class alike {told.balanced_accuracy:.3f}",
                f"calibration error {calibration_error(told):.3f}; sure from "
                f"{self.classifier.sure_above:.0%} on",
                f"head: {self.classifier.about['head']}",
                f"mistakes: {'; '.join(pairs) or 'none'}",
                f"labels that may be wrong: {len(suspects)}{f' ({names})' if names else ''}",
                *self.remarks,
            ]
        )

    def figure(self, name: str) -> Figure:
        """One of `classes`, `confusion`, `errors`, `reliability` and `suspects`.

        Raises DataError for another name, and where there is nothing to show.
        """
        if name not in TITLES:
            raise DataError(f"There is no figure {name!r}; there are {', '.join(TITLES)}.")
        found = self.mistakes.figure(name, self.images, TITLES[name])
        if found is None:
            raise DataError(f"There are no {name} to show.")
        return found

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """The classifier, as `vggjax.Classifier.save`."""
        self.classifier.save(folder, overwrite=overwrite)


def train(
    photos: str | Path | Dataset,
    weights: str = "imagenet",
    *,
    layers: Sequence[str] = ("block5_pool",),
    views: Sequence[str] = (WHOLE,),
    test: float = 0.25,
    seed: int = 0,
    skip_unreadable: bool = False,
) -> Trained:
    """A classifier of the photos in a folder, one sub-folder per class, and what it is worth.

    A share `test` (0–1) of each class, one image at least, is held out and only measured on, or
    the images in the folder `test` where that is beside one called `train`. On the others the best
    linear head behind VGG16 is chosen by cross-validation (see `vggjax.linear.fit_linear`), on
    `layers` of the network `weights` (see `vggjax.load_vgg`), each image seen in some `views` (see
    `vggjax.data.VIEWS`). Of copies one is used; with `skip_unreadable`, images that can't be read
    are left out.
    Raises DataError, naming them, for such images otherwise, for a class of fewer than 3 images,
    and as loading does.

    >>> import vggjax
    >>> result = vggjax.train(vggjax.data.load_demo(per_class=4), weights="demo", seed=1)
    >>> len(result.tested), len(result.classifier.class_names)
    (32, 32)
    """
    given = photos if isinstance(photos, Dataset) else load_folder(photos)
    if bad := unreadable(given, thorough=skip_unreadable):
        if not skip_unreadable:
            raise unreadable_error(bad, "; skip_unreadable=True goes on without them")
        given = without(given, bad)
    dataset, remarks = distinct(given), (*given.notes, *copy_remarks(given))
    fitted, tested = held_out(dataset, test, seed)
    loaded = load_weights(weights, layers)
    backbone = loaded.chain(deepest_layer(loaded.info.config, layers))
    images = ImageArray(dataset, size=loaded.info.config.image_size)
    features = LayerFeatures(extract_views(backbone, layers, images, views))
    examples = Examples(features.subset(fitted), dataset.labels[fitted])
    found = fit_linear(examples, len(dataset.class_names))
    last = max(found.chosen.choice.layers, key=backbone.position)
    judgement = _judged(found, features.subset(tested), dataset, tested, last)
    classifier = Classifier(
        backbone.until(last),
        found.head,
        dataset.class_names,
        weights=weights,
        views=tuple(views),
        sure_above=judgement.sure_above,
        about=_about(found, judgement.tested, len(fitted)),
    )
    mistakes = Mistakes(judgement.tested, _everything(found, features, dataset))
    return Trained(classifier, mistakes, images, remarks)


def held_out(dataset: Dataset, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Which images to train on and which to test on, at random by class: two ascending indices.

    Where the data set says which images test, those do. An image that is in two classes is on one
    side. Raises DataError for a share that isn't between 0 and 1, and as `vggjax.make_split` does.
    """
    if not 0 < share < 1:
        raise DataError(f"The share of test images must be between 0 and 1, not {share}.")
    most = max(dataset.counts().values())
    split = make_split(dataset, most, *((most, most) if dataset.parts else (1, 1)), seed)
    orders = [[*own.train, *own.validation, *own.test] for own in split.classes.values()]
    names = set[str]()
    for own, order in zip(split.classes.values(), orders, strict=True):
        count = len(own.test) if dataset.parts else max(1, round(share * len(order)))
        names |= {*order[-count:]}
    names |= _twins(dataset, names)
    rest = {name for order in orders for name in order} - names
    tested = [index for index, name in enumerate(dataset.ids) if name in names]
    fitted = [index for index, name in enumerate(dataset.ids) if name in rest]
    return np.array(fitted, int), np.array(tested, int)


def _twins(dataset: Dataset, names: set[str]) -> set[str]:
    """The images that are the same as some called `names`, in other classes."""
    twins = dataset.copies.twins
    numbers = {twins[name] for name in names if name in twins}
    return {name for name, number in twins.items() if number in numbers}


def _judged(
    found: LinearFit, features: LayerFeatures, dataset: Dataset, tested: np.ndarray, last: str
) -> Judgement:
    temperature = found.chosen.temperature
    raw = logits_of(found.head, features, last) * temperature
    return judge(
        (found.chosen.logits, found.chosen.labels),
        (raw, dataset.labels[tested]),
        [dataset.ids[number] for number in tested],
        dataset.class_names,
        temperature,
    )


def _about(found: LinearFit, told: Predictions, trained: int) -> dict[str, Any]:
    """What the classifier carries along of how it was made."""
    return {
        "images": {"train": trained, "test": len(told)},
        "test accuracy": told.accuracy,
        "95 % interval": list(wilson_interval(told.accuracy, len(told))),
        "calibration error": calibration_error(told),
        "head": found.text,
        "versions": versions(),
    }


def _everything(found: LinearFit, features: LayerFeatures, dataset: Dataset) -> Predictions:
    """All images, each judged by heads that were fitted without it."""
    examples = Examples(features, dataset.labels)
    told = out_of_fold(examples, len(dataset.class_names), found.chosen.choice)
    return Predictions(dataset.ids, dataset.labels, told, dataset.class_names)
