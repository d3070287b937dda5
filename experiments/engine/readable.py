"""The images that a run uses, all of which can be read: checked before anything is computed."""

from pathlib import Path

from engine.options import NetworkOptions
from vggjax.collective import from_first
from vggjax.data import Dataset, Split, unreadable, unreadable_error, without
from vggjax.errors import listed
from vggjax.training import used_images


def readable_splits(
    options: NetworkOptions, dataset: Dataset, out: Path
) -> tuple[Dataset, list[Split], list[str]]:
    """The splits of a data set, or none; the data set without what was skipped; remarks on both.

    Raises DataError, naming the images, if some can't be read and aren't to be skipped.
    """
    skipped: dict[str, str] = {}
    while True:
        splits = from_first(lambda left=dataset: options.splits(out, left))
        bad = from_first(lambda left=dataset, own=splits: _unreadable(options, left, own))
        if not bad:
            return dataset, splits, [*_skipped(skipped), *dataset.copies.sentences * bool(splits)]
        if not options.skip_unreadable:
            raise unreadable_error(bad, "leave them out with --skip-unreadable")
        dataset, skipped = without(dataset, bad), skipped | bad


def _unreadable(options: NetworkOptions, dataset: Dataset, splits: list[Split]) -> dict[str, str]:
    used = used_images(dataset, splits) if splits else None
    return unreadable(dataset, used, thorough=options.skip_unreadable)


def _skipped(images: dict[str, str]) -> list[str]:
    names = listed([f"{name} ({reason})" for name, reason in images.items()])
    return [f"Skipped images that can't be read, {len(images):,}: {names}."] * bool(images)
