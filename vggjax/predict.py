"""What a saved classifier sees in photos.

    python -m vggjax.predict CLASSIFIER photo.jpg more_photos --top 3
    python -m vggjax.predict CLASSIFIER more_photos --csv answers.csv

CLASSIFIER is a folder written by an experiment, by `Classifier.save` or by
`vggjax.train`. A prediction whose probability is below what made 95 % of the
held-out images right is marked "unsure". `imagenet` is the whole network, with
ImageNet's 1,000 classes.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vggjax.command import add_classifier, finish, open_cache
from vggjax.data import scan_below
from vggjax.errors import DataError, visible
from vggjax.files import AS_ON_DISK, atomic_file, require_writable, write_json
from vggjax.imagenet import classifier_called
from vggjax.progress import progress
from vggjax.training.classifier import BATCH, Classifier
from vggjax.training.photos import Photos, gather
from vggjax.training.prediction import Prediction

Told = list[tuple[str, Prediction]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the classifier, look at all photos, and print or write what it sees.

    Raises VggjaxError for what the user can mend.
    """
    options = _parser().parse_args(arguments)
    if options.top < 1:
        raise DataError(f"At least one class has to be printed, not {options.top}.")
    for file in filter(None, (options.csv, options.json)):
        require_writable(file)
    photos = gather(all_images(options.photos))
    open_cache()
    classifier = classifier_called(options.classifier, options.weights)
    told, unreadable = look(classifier, photos)
    if unreadable and not options.skip_unreadable:
        raise DataError(f"{some(unreadable)} --skip-unreadable leaves them out.")
    show(told, options.top)
    if options.csv:
        write_csv(options.csv, told, classifier.class_names)
    if options.json:
        write_json(options.json, [_as_json(name, one) for name, one in told])
    if unreadable:
        print(f"left out, {len(unreadable):,}: {some(unreadable)}", file=sys.stderr)


def all_images(paths: Sequence[Path]) -> list[Path]:
    """The paths, with the images below a folder in its place; DataError if it has none.

    What is left out of a folder is told on stderr.
    """
    found = list[Path]()
    for path in paths:
        images, notes = scan_below(path) if path.is_dir() else ([path], [])
        found += images
        for note in notes:
            print(f"{path}: {note}", file=sys.stderr)
    return found


def look(classifier: Classifier, photos: Photos) -> tuple[Told, list[str]]:
    """What the classifier says of each readable photo, and a sentence on each of the others."""
    told: Told = []
    unreadable: list[str] = []
    with progress("photos", len(photos), "photo") as bar:
        for start in range(0, len(photos), BATCH):
            readable, problems = photos[start : start + BATCH].readable()
            unreadable += problems
            for batch in classifier.predictions(readable):
                told += zip(readable.names, batch, strict=True)
            bar.update(len(readable) + len(problems))
    return told, unreadable


def some(sentences: Sequence[str], most: int = 10) -> str:
    """At most so many sentences, and how many more there are."""
    rest = len(sentences) - most
    return " ".join([*sentences[:most], *[f"… and {rest:,} more."] * (rest > 0)])


def show(told: Told, top: int) -> None:
    """A line for each photo: its likeliest classes."""
    names = [visible(name) for name, _ in told]
    width = max(map(len, names), default=0)
    for name, (_, one) in zip(names, told, strict=True):
        best = "   ".join(f"{visible(label)} {share:6.1%}" for label, share in one.top(top).items())
        print(f"{name:<{width}}  {best}{'' if one.sure else '   unsure'}")


def write_csv(path: Path, told: Told, names: Sequence[str]) -> None:
    """A line for each photo: the guess, its probability, whether it is sure, all probabilities."""
    with (
        atomic_file(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors=AS_ON_DISK) as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["photo", "guess", "probability", "sure", *names])
        for name, one in told:
            shares = [f"{one[label]:.6g}" for label in names]
            writer.writerow([name, one.name, f"{one.probability:.6g}", int(one.sure), *shares])


def _as_json(name: str, one: Prediction) -> dict[str, Any]:
    return {"photo": name, "guess": one.name, "sure": one.sure, "probabilities": dict(one)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vggjax.predict",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add_classifier(parser)
    add("photos", type=Path, nargs="+", metavar="PATH", help="image files, or folders of them")
    add("--top", type=int, default=3, metavar="N", help="how many classes to print (default: 3)")
    write = parser.add_mutually_exclusive_group()
    write.add_argument("--csv", type=Path, metavar="FILE", help="write a table, too")
    write.add_argument("--json", type=Path, metavar="FILE", help="the same as JSON")
    add("--skip-unreadable", action="store_true", help="leave out what is no readable image")
    return parser


def run(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status, 2 for what the user can mend."""
    return finish(main, arguments)


if __name__ == "__main__":
    sys.exit(run())
