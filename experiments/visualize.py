"""What excites a convolution's filters: gradient ascent on the input
(reference row U4).

    python experiments/visualize.py --layer block5_conv3
    python experiments/visualize.py --filters all
    python experiments/visualize.py --start photo.jpg --activating my_photos
    python experiments/visualize.py --recipe reference

The recipe called vivid, the default, ascends the image's spectrum in
decorrelated colours, with jitter; values before ReLU count, so that a filter
that is silent at the start can move. The grid is written while it goes on, as
filters-so-far.png; Ctrl-C leaves it there.

The reference's: 20 plain steps on the pixels, after ReLU, of all filters, which
are ranked by their activation; with --start from a photo, each filter anew.
The reference: the first layer shows plain colours and edges, the last one
complex patterns.
"""

from __future__ import annotations

import vggjax.startup  # noqa: F401

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from ascending import RECIPES, REFERENCE, VIVID, ascended, ascent_config, chosen_filters, numbers
from engine.experiment import Experiment, OverviewRow, main
from engine.job import Job, Outcome
from engine.options import NetworkOptions, option
from engine.run_folder import Result
from engine.sources import imagenet_or_demo, images_at

from vggjax.data import Dataset
from vggjax.errors import DataError
from vggjax.inspect import (
    Activating,
    Ascent,
    AscentConfig,
    mean_activations,
    most_activating,
)
from vggjax.report import Table, activating_figure, filter_figure, readable

if TYPE_CHECKING:
    from vggjax.report.shown import Figure

HOW = {
    VIVID: "spectrum and colours decorrelated, jitter {0.jitter}; true colours",
    REFERENCE: "contrast: each picture's mean is gray, 5 deviations are black or white",
}


@dataclass(frozen=True, kw_only=True)
class VisualizeOptions(NetworkOptions):
    """Which filters, and how they are ascended."""

    group: ClassVar[str] = "filters and ascent"
    rank: ClassVar[int] = 0

    layer: str = option("block5_conv3", "a convolution", metavar="LAYER")
    filters: tuple[str, ...] = option(
        (), "their numbers, such as 3 5 or 0-63; or all, to find the strongest (default: the first "
        "ones; with --recipe reference, all)", metavar="N",
    )  # fmt: skip
    top: int = option(16, "how many of them the grid shows", metavar="N", least=1)
    recipe: str = option(VIVID, "how they are ascended, see above", choices=tuple(RECIPES))
    start: Path | None = option(
        None, "an image file to start from (default: noise)", metavar="IMAGE", beside=False
    )
    activating: str | None = option(
        None, "show the images in this folder (or 'demo') that excite most (default: none)",
        metavar="FOLDER", beside=True,
    )  # fmt: skip
    each: bool = option(False, "write each filter's picture, too")
    steps: int | None = option(
        None, "steps of the ascent (default: 64; reference: 20)", metavar="N", least=1
    )
    step_size: float | None = option(
        None, "their size (default: 0.06, of the spectrum; reference: 1, of pixels)", metavar="S"
    )
    size: int | None = option(
        None, "pixels (default: 128; reference: the network's own)", metavar="N", least=1
    )
    jitter: int | None = option(
        None, "roll the image by up to N pixels in each step (default: 6; reference: 0)",
        metavar="N", least=0,
    )  # fmt: skip
    border: int | None = option(
        None, "leave N positions along the map's edges out (default: 1; reference: 0)",
        metavar="N", least=0,
    )  # fmt: skip
    chunk: int | None = option(
        None, "filters at a time (default: as fit in memory)", metavar="N", least=1
    )


def load(options: VisualizeOptions) -> tuple[Dataset | None, str]:
    """The images to search for what excites the filters, if that is asked for."""
    numbers(options.filters)
    weights = imagenet_or_demo(options.weights)
    return images_at(options.activating) if options.activating else None, weights


def run(job: Job[VisualizeOptions]) -> Outcome:
    """Ascend, and draw the pictures and what else is asked for."""
    options, config = job.options, ascent_config(job.options)
    filters, words = chosen_filters(job, config)
    ascent = ascended(job, config, filters, lambda now: grid(job, config, now, f"{words}, so far"))
    found = shown(ascent, options)
    if not len(found):
        raise DataError(no_picture(ascent, options))
    figures: dict[str, Figure | np.ndarray] = {"filters.png": grid(job, config, ascent, words)}
    facts = facts_of(job, config, ascent) | {"chosen": words}
    if options.each:
        living = ascent.alive()
        figures |= {
            f"each/{options.layer}-{number:04d}.png": picture
            for number, picture in zip(living.filters, living.pictures, strict=True)
        }
    if job.dataset is not None:
        exciting = most_activating(
            mean_activations(job.chain, options.layer, job.images()), found.filters
        )
        figures["activating.png"] = activating(job, found, exciting)
        facts["activating"] = activating_facts(job.dataset, exciting)
    return Outcome(figures=figures, facts=facts)


def shown(ascent: Ascent, options: VisualizeOptions) -> Ascent:
    """The living filters of the grid: as they were chosen, or the strongest of them."""
    living = ascent.alive()
    if options.recipe == REFERENCE or len(living) > options.top:
        return ascent.ranked().select(np.arange(min(options.top, len(living))))
    return living


def no_picture(ascent: Ascent, options: VisualizeOptions) -> str:
    """Why there is none, and what helps."""
    counts = Counter(ascent.statuses)
    states = ", ".join(f"{counts[name]} {name}" for name in ("dead", "diverged"))
    helps = "a smaller --step-size or other --filters may help"
    if options.recipe == REFERENCE:
        helps = f"--recipe {VIVID} counts values before ReLU, too"
    return (
        f"None of the {len(ascent)} filters of {options.layer} became active ({states}), so there "
        f"is no picture; {helps}."
    )


def grid(job: Job[VisualizeOptions], config: AscentConfig, ascent: Ascent, words: str) -> Figure:
    """The filters' pictures, with the number and the mean activation of each."""
    found = shown(ascent, job.options)
    labels = [
        f"{number}: {readable(loss)}"
        for number, loss in zip(found.filters, found.last_losses, strict=True)
    ]
    title = f"{job.options.layer}, {job.network}: {words}"
    return filter_figure(found.pictures, labels, title, note(config, job.options))


def note(config: AscentConfig, options: VisualizeOptions) -> str:
    """What the grid shows and how it was made."""
    start = f"the image {options.start.name}, each anew" if options.start else "noise"
    return (
        "what excites each filter; above it, its number and its mean activation\n"
        f"{config.steps} steps from {start}\n{HOW[options.recipe].format(config)}"
    )


def activating(job: Job[VisualizeOptions], ascent: Ascent, found: Activating) -> Figure:
    """The images that excite the filters most, beside the filters' pictures."""
    size = ascent.pictures.shape[1]
    shown = job.images(found.images.reshape(-1), size)[:]
    labels = [
        [f"filter {number}", *map(readable, values)]
        for number, values in zip(found.filters, found.activations, strict=True)
    ]
    title = f"{job.options.layer}, {job.network}: images that excite its filters most"
    text = f"left: by gradient ascent; right: the best of {len(job.data)} images, mean activations"
    tiles = shown.reshape(*found.images.shape, size, size, 3)
    return activating_figure(ascent.pictures, tiles, labels, title, text)


def facts_of(job: Job[VisualizeOptions], config: AscentConfig, ascent: Ascent) -> dict[str, Any]:
    """Each filter's entry: those of the grid in its order, then the others, the dead ones last."""
    order = shown(ascent, job.options).filters.tolist()
    order += [number for number in ascent.ranked().filters.tolist() if number not in order]
    order += [number for number in ascent.filters.tolist() if number not in order]
    rows = {number: row for row, number in enumerate(ascent.filters.tolist())}
    living = ascent.ranked().filters.tolist()
    return {
        "layer": ascent.layer,
        "recipe": job.options.recipe,
        "size": config.size or job.image_size,
        "steps": config.steps,
        "statuses": dict(Counter(ascent.statuses)),
        "filters": [
            {
                "filter": number,
                "rank": living.index(number) + 1 if number in living else None,
                "status": ascent.statuses[rows[number]],
                **{name: finite(getattr(ascent, values)[rows[number], at])
                   for name, (values, at) in LOSSES.items()},
            }
            for number in order
        ],
    }  # fmt: skip


LOSSES = {
    "first_loss": ("losses", 0),
    "last_loss": ("losses", -1),
    "first_before_relu": ("before_relu", 0),
    "last_before_relu": ("before_relu", -1),
}


def finite(value: float) -> float | None:
    """A number for JSON, which knows no NaN."""
    return float(value) if np.isfinite(value) else None


def activating_facts(images: Dataset, found: Activating) -> dict[str, list[dict[str, Any]]]:
    """The images that excite each filter most: names and mean activations."""
    rows = zip(found.filters.tolist(), found.images.tolist(), found.activations.tolist(),
               strict=True)  # fmt: skip
    return {
        str(number): [
            {"image": images.ids[index], "activation": value}
            for index, value in zip(indices, values, strict=True)
        ]
        for number, indices, values in rows
    }


def table(result: Result, top: int = 5) -> Table:
    """How many filters there are of each status, and the losses of the first."""
    counts = ", ".join(f"{count} {status}" for status, count in result["statuses"].items())
    rows = [("all", counts, "", "", "")]
    for entry in result["filters"][:top]:
        names = ("first_before_relu", "last_before_relu", "last_loss")
        losses = ("-" if entry[name] is None else readable(entry[name]) for name in names)
        rows.append((str(entry["filter"]), entry["status"], *losses))
    header = ("filter", "status", "before ReLU, at first", "before ReLU", "mean activation")
    return Table(header, tuple(rows))


def notes(result: Result) -> list[str]:
    """Which filters these are."""
    words = [f"{result['layer']}: {result['chosen']}"]
    if result["settings"]["start"] and result["recipe"] == REFERENCE:
        words.append("each filter starts anew from the image; the reference's program handed each "
                     "filter's picture to the next one as its start")  # fmt: skip
    return words


def line(result: Result) -> str:
    """How many filters there are of each status, and the strongest."""
    counts = Counter(result["statuses"])
    states = ", ".join(f"{counts[name]} {name}" for name in ("alive", "dead", "diverged"))
    (best,) = [entry["filter"] for entry in result["filters"] if entry["rank"] == 1]
    return f"{len(result['filters'])} filters: {states}; strongest: {best}"


def overview(result: Result) -> list[OverviewRow]:
    """How many filters came alive, in a row of the page's first table."""
    living = result["statuses"].get("alive", 0)
    start = "a photo" if result["settings"]["start"] else "noise"
    what = f"filters of {result['layer']}, recipe {result['recipe']}, from {start}"
    return [(what, "see its figure", f"{living} of {len(result['filters'])} alive")]


VISUALIZE = Experiment(
    name="visualize",
    rows="U4",
    title="what excites a layer's filters",
    text="The first layer asks for plain colours and edges, the last one for complex patterns.",
    description=__doc__,
    options=VisualizeOptions,
    layers=lambda options: [options.layer],
    load=load,
    run=run,
    table=table,
    line=line,
    notes=notes,
    overview=overview,
    variant=lambda options: REFERENCE if options.recipe == REFERENCE else "",
    captions={"filters.png": "what excites the filters, by gradient ascent"},
)

if __name__ == "__main__":
    main(VISUALIZE)
