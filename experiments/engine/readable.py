"""The images that a run uses, all of which can be read: checked before anything is computed."""

from functools import partial
from pathlib import Path

from engine.options import NetworkOptions
from vggjax.collective import from_first
from vggjax.data import Dataset, Split, copy_remarks, unreadable, unreadable_error, without
from vggjax.data.unreadable import named
from vggjax.training import used_images


def readable_splits(
    options: NetworkOptions, dataset: Dataset, out: Path
) -> tuple[Dataset, list[Split], list[str]]:
    """The splits of a data set, or none; the data set without what was skipped; remarks on both.

    Raises DataError, naming the images, if some can't be read and aren't to be skipped.
    """
    skipped: dict[str, str] = {}
    while True:
        splits = from_first(partial(options.splits, out, dataset))
        bad = from_first(partial(_unreadable, options, dataset, splits))
        if not bad:
            copies = copy_remarks(dataset) if splits else []
            return dataset, splits, [*_skipped(skipped), *copies]
        if not options.skip_unreadable:
            raise unreadable_error(bad, "; --skip-unreadable goes on without them")
        dataset, skipped = without(dataset, bad), skipped | bad


def _unreadable(options: NetworkOptions, dataset: Dataset, splits: list[Split]) -> dict[str, str]:
    """The images that can't be read: those used are looked at, and all others if one of them is."""
    used = used_images(dataset, splits) if splits else None
    found = unreadable(dataset, used, thorough=options.skip_unreadable)
    everything = {**unreadable(dataset), **found} if found else {}
    return {name: everything[name] for name in dataset.ids if name in everything}


def _skipped(images: dict[str, str]) -> list[str]:
    if not images:
        return []
    return [f"Skipped images that can't be read, {len(images):,}: {named(images)}."]
