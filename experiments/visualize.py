"""What excites a convolution's filters: gradient ascent on the input
(reference row U4).

    python experiments/visualize.py --layer block5_conv3
    python experiments/visualize.py --fourier --jitter 8 --border 1
    python experiments/visualize.py --start photo.jpg --activating my_photos

The reference: the first layer shows plain colours and edges, the last one
complex patterns.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from engine.experiment import Experiment, OverviewRow, main
from engine.job import Job, Outcome
from engine.options import NetworkOptions, option, other_default
from engine.run_folder import Result
from engine.sources import imagenet_or_demo, images_below
from matplotlib.figure import Figure

from vggjax.collective import is_first
from vggjax.data import Dataset, decode_image
from vggjax.errors import DataError
from vggjax.inspect import (
    Activating,
    Ascent,
    AscentConfig,
    ascend,
    mean_activations,
    most_activating,
)
from vggjax.inspect.response import require_convolution
from vggjax.inspect.result import joined
from vggjax.progress import progress
from vggjax.report import Table, activating_figure, filter_figure, readable, save_figure

SECONDS_BETWEEN_GRIDS = 20
SO_FAR = "filters-so-far.png"
CONTRAST = "each picture's own contrast: its mean is gray, 5 deviations are black or white"
TRUE_COLOURS = "true colours"


@dataclass(frozen=True, kw_only=True)
class VisualizeOptions(NetworkOptions):
    """Which filters, and how they are ascended."""

    group: ClassVar[str] = "filters and ascent"
    rank: ClassVar[int] = 0

    layer: str = option("block5_conv3", "a convolution", metavar="LAYER")
    filters: tuple[str, ...] = option(("all",), "numbers, or all", metavar="N")
    top: int = option(16, "how many of them the grid shows", metavar="N", least=1)
    start: Path | None = option(
        None, "an image file to start from (default: noise)", metavar="IMAGE", beside=False
    )
    activating: str | None = option(
        None, "show the images in this folder (or 'demo') that excite most (default: none)",
        metavar="FOLDER", beside=True,
    )  # fmt: skip
    each: bool = option(False, "write each filter's picture, too")
    rescue: bool = option(False, "ascend dead filters before ReLU, instead of leaving them out")
    fourier: bool = option(False, "for better pictures: move the spectrum, not pixels")
    jitter: int = option(
        0, "for better pictures: roll the image by up to N pixels", metavar="N", least=0
    )
    border: int = option(
        0, "for better pictures: leave N positions along the map's edges out", metavar="N", least=0
    )
    steps: int | None = option(
        None, "steps of the ascent (default: 20; with --fourier, 128)", metavar="N", least=1
    )
    step_size: float | None = option(
        None, "their size (default: 1; with --fourier, 0.05)", metavar="S"
    )
    size: int | None = option(
        None, "pixels (default: twice the network's own, at most 224)", metavar="N", least=1
    )
    chunk: int | None = option(
        None, "filters at a time (default: as fit in memory)", metavar="N", least=1
    )
    resize: str = other_default(NetworkOptions, "resize", "bilinear")


def load(options: VisualizeOptions) -> tuple[Dataset | None, str]:
    """The images to search for what excites the filters, if that is asked for."""
    numbers(options.filters)
    weights = imagenet_or_demo(options.weights)
    return images_below(options.activating) if options.activating else None, weights


def numbers(filters: Sequence[str]) -> list[int] | None:
    """The filters' numbers; None for all. Raises DataError for anything else."""
    if list(filters) == ["all"]:
        return None
    if not all(text.isdecimal() for text in filters):
        raise DataError(f"Filters are numbers, or all; not {' '.join(filters)}.")
    return [int(text) for text in filters]


def run(job: Job[VisualizeOptions]) -> Outcome:
    """Ascend, and draw the best filters' pictures and what else is asked for."""
    options, config = job.options, ascent_config(job)
    ascent = ascended(job, config)
    best = best_of(ascent, options.top)
    if not len(best):
        raise DataError(
            f"None of the {len(ascent)} filters of {options.layer} became active, so there is no "
            "picture; --rescue ascends them before ReLU."
        )
    figures: dict[str, Figure | np.ndarray] = {"filters.png": grid(job, config, ascent)}
    facts = facts_of(config, ascent)
    if options.each:
        living = ascent.ranked()
        figures |= {
            f"each/{options.layer}-{number:04d}.png": picture
            for number, picture in zip(living.filters, living.pictures, strict=True)
        }
    if job.dataset is not None:
        found = most_activating(mean_activations(job.chain, options.layer, job.images()),
                                best.filters)  # fmt: skip
        figures["activating.png"] = activating(job, best, found)
        facts["activating"] = activating_facts(job.dataset, found)
    return Outcome(figures=figures, facts=facts)


def ascent_config(job: Job[VisualizeOptions]) -> AscentConfig:
    """The options' recipe."""
    options = job.options
    return AscentConfig(
        steps=options.steps or (128 if options.fourier else 20),
        step_size=options.step_size,
        size=options.size or min(224, 2 * job.image_size),
        seed=options.seed[0],
        jitter=options.jitter,
        border=options.border,
        fourier=options.fourier,
        rescue=options.rescue,
    )


def ascended(job: Job[VisualizeOptions], config: AscentConfig) -> Ascent:
    """The ascent, behind a progress bar; the grid so far is written every now and then."""
    options, filters = job.options, numbers(job.options.filters)
    start = None
    if options.start:
        start = decode_image(options.start, config.size or 0, options.resize)
    width = require_convolution(job.chain, options.layer).bias[...].shape[0]
    parts: list[Ascent] = []
    written = time.monotonic()
    total = width if filters is None else len(filters)
    with progress(options.layer, total, "filter") as bar:

        def show(part: Ascent) -> None:
            nonlocal written
            parts.append(part)
            bar.update(len(part))
            if is_first() and time.monotonic() - written > SECONDS_BETWEEN_GRIDS:
                so_far = joined(parts)
                if len(so_far.ranked()):
                    save_figure(grid(job, config, so_far, " done so far"), job.out / SO_FAR)
                written = time.monotonic()

        whole = ascend(job.chain, options.layer, filters, config, start=start,
                      chunk=options.chunk, on_chunk=show)  # fmt: skip

    (job.out / SO_FAR).unlink(missing_ok=True)
    return whole


def best_of(ascent: Ascent, top: int) -> Ascent:
    """The best living filters, at most so many."""
    ranked = ascent.ranked()
    return ranked.select(np.arange(min(top, len(ranked))))


def grid(
    job: Job[VisualizeOptions], config: AscentConfig, ascent: Ascent, state: str = ""
) -> Figure:
    """The best filters' pictures, with the number and the loss of each."""
    best = best_of(ascent, job.options.top)
    labels = [
        f"{number}: {readable(loss)}" + (" rescued" if status == "rescued" else "")
        for number, loss, status in zip(best.filters, best.last_losses, best.statuses, strict=True)
    ]
    of = f"{len(best)} of {len(ascent)} filters{state}"
    title = f"{job.options.layer}, {job.network}: {of}, ranked"
    return filter_figure(best.pictures, labels, title, note(config, job.options.start))


def note(config: AscentConfig, start: Path | None) -> str:
    """What the grid shows and how it was made, in three lines."""
    how = [f"{config.steps} steps from {start.name if start else 'noise'}"]
    how += ["Fourier"] if config.fourier else []
    how += [f"jitter {config.jitter}"] if config.jitter else []
    how += [f"border {config.border}"] if config.border else []
    colours = TRUE_COLOURS if config.fourier else CONTRAST
    return f"what excites each filter, and its mean activation\n{', '.join(how)}\n{colours}"


def activating(job: Job[VisualizeOptions], best: Ascent, found: Activating) -> Figure:
    """The images that excite the best filters most, beside the filters' pictures."""
    size = best.pictures.shape[1]
    shown = job.images(found.images.reshape(-1), size)[:]
    labels = [
        [f"filter {number}", *map(readable, values)]
        for number, values in zip(found.filters, found.activations, strict=True)
    ]
    title = f"{job.options.layer}, {job.network}: images that excite its filters most"
    text = f"left: by gradient ascent; right: the best of {len(job.data)} images, mean activations"
    tiles = shown.reshape(*found.images.shape, size, size, 3)
    return activating_figure(best.pictures, tiles, labels, title, text)


def facts_of(config: AscentConfig, ascent: Ascent) -> dict[str, Any]:
    """Each filter's entry, in rank order, the dead ones last."""
    living = ascent.ranked().filters.tolist()
    columns = ascent.filters.tolist(), ascent.statuses, ascent.first_losses, ascent.last_losses
    entries = [
        {
            "filter": number,
            "rank": living.index(number) + 1 if number in living else None,
            "status": status,
            "first_loss": float(first),
            "last_loss": float(last),
        }
        for number, status, first, last in zip(*columns, strict=True)
    ]
    return {
        "layer": ascent.layer,
        "size": config.size,
        "steps": config.steps,
        "statuses": dict(Counter(ascent.statuses)),
        "filters": sorted(entries, key=lambda entry: entry["rank"] or len(ascent) + 1),
    }


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
    """How many filters there are of each status, and the losses of the best."""
    counts = ", ".join(f"{count} {status}" for status, count in result["statuses"].items())
    rows = [("all", counts, "", "")]
    for entry in result["filters"][:top]:
        losses = (readable(entry[name]) for name in ("first_loss", "last_loss"))
        rows.append((str(entry["filter"]), entry["status"], *losses))
    return Table(("filter", "status", "first loss", "last loss"), tuple(rows))


def line(result: Result) -> str:
    """How many filters there are of each status, and the best."""
    counts = Counter(result["statuses"])
    states = ", ".join(f"{counts[name]} {name}" for name in ("alive", "rescued", "dead"))
    best = result["filters"][0]
    return f"{len(result['filters'])} filters: {states}; best: {best['filter']}"


def overview(result: Result) -> list[OverviewRow]:
    """How many filters came alive, in a row of the page's first table."""
    dead = result["statuses"].get("dead", 0)
    living = f"{len(result['filters']) - dead} of {len(result['filters'])} alive"
    return [(f"filters of {result['layer']}", "see its figure", living)]


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
    overview=overview,
    captions={"filters.png": "the best filters, by gradient ascent (Figures 23 to 26)"},
)

if __name__ == "__main__":
    main(VISUALIZE)
