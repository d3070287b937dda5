"""What excites a convolution's filters: gradient ascent on the input (report row U4).

    python experiments/visualize.py --layer block5_conv3
    python experiments/visualize.py --layer block5_conv3 --fourier --jitter 8 --border 1
    python experiments/visualize.py --layer block3_conv3 --start photo.jpg --activating my_photos

The report: the first layer shows plain colours and edges, the last one complex patterns.
"""

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from common import run, settings
from inspecting import (
    add_weights_option,
    decoded,
    images_below,
    weights_or_demo,
    weights_title,
)
from PIL import Image
from tqdm import tqdm

from vggjax.data import RESIZE_MODES, Dataset, ImageArray
from vggjax.errors import DataError
from vggjax.files import atomic_file, write_json
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
from vggjax.model import Chain
from vggjax.report import activating_figure, filter_figure, save_figure
from vggjax.weights import Weights

SECONDS_BETWEEN_GRIDS = 20
CONTRAST = "each picture's own contrast: its mean is gray, 5 deviations are black or white"
TRUE_COLOURS = "true colours"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--layer", default="block5_conv3", help="a convolution")
    add("--filters", nargs="+", default=["all"], metavar="N", help="numbers, or all (default)")
    add("--top", type=int, default=16, help="how many of them the grid shows")
    add("--steps", type=int, help="default: 20; with --fourier, 128")
    add("--step-size", type=float, help="default: 1; with --fourier, 0.05")
    add("--size", type=int, help="pixels; default: twice the network's own, at most 224")
    add("--start", default="noise", metavar="IMAGE", help="noise (default), or an image file")
    add("--seed", type=int, default=0, help="seed of noise and jitter")
    add("--out", type=Path, default=Path("runs/visualize"), metavar="FOLDER", help="results")
    add("--rescue", action="store_true", help="ascend dead filters before ReLU, not skip them")
    add("--each", action="store_true", help="write each filter's picture, too")
    add("--activating", metavar="FOLDER", help="show the images in it (or 'demo') that excite most")
    add("--resize", default="bilinear", choices=RESIZE_MODES, help="how images get their size")
    add("--chunk", type=int, help="filters at a time (default: as fit in memory)")
    add_weights_option(parser)
    better = parser.add_argument_group("for better pictures")
    better.add_argument("--jitter", type=int, default=0, metavar="N", help="roll by up to N pixels")
    better.add_argument("--border", type=int, default=0, metavar="N", help="leave N of the map out")
    better.add_argument("--fourier", action="store_true", help="move spectrum, not pixels")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Ascend, and write the grid, the sidecar and what else is asked for."""
    begin = time.perf_counter()
    options = parse(arguments)
    if options.top < 1:
        raise DataError(f"The grid must show at least 1 filter, not {options.top}.")
    images = images_below(options.activating) if options.activating else None
    weights = weights_or_demo(options.weights, options.layer)
    chain = weights.chain(until=options.layer)
    config = ascent_config(options, chain)
    ascent = climb(chain, weights, config, options)
    best = ascent.ranked().select(np.arange(min(options.top, len(ascent.ranked()))))
    write_grid(ascent, weights, config, options, whole=True)
    if options.each:
        write_each(ascent, options)
    activating = None
    if images is not None and len(best):
        activating = write_activating(chain, best, images, weights, options)
    seconds = round(time.perf_counter() - begin, 1)
    content = result(options, config, weights, ascent, seconds)
    if activating is not None and images is not None:
        content["activating"] = activating_json(activating, images)
    write_json(options.out / "result.json", content)
    print(f"{options.out / 'result.json'} written after {seconds} s")
    print(last_line(ascent, weights))


def ascent_config(options: argparse.Namespace, chain: Chain) -> AscentConfig:
    """The options' recipe."""
    return AscentConfig(
        steps=(128 if options.fourier else 20) if options.steps is None else options.steps,
        step_size=options.step_size,
        size=min(224, 2 * chain["preprocess"].image_size) if options.size is None else options.size,
        seed=options.seed,
        jitter=options.jitter,
        border=options.border,
        fourier=options.fourier,
        rescue=options.rescue,
    )


def climb(
    chain: Chain, weights: Weights, config: AscentConfig, options: argparse.Namespace
) -> Ascent:
    """The ascent, behind a progress bar; the grid so far is written every now and then."""
    filters = numbers(options.filters)
    start = None
    if options.start != "noise":
        start = decoded([Path(options.start)], config.size or 0, options.resize)[0]
    width = require_convolution(chain, options.layer).bias[...].shape[0]
    total = width if filters is None else len(filters)
    parts: list[Ascent] = []
    written = time.monotonic()
    with tqdm(total=total, desc=options.layer, unit="filter", disable=None) as progress:

        def show(part: Ascent) -> None:
            nonlocal written
            parts.append(part)
            progress.total = max(progress.total, progress.n + len(part))
            progress.update(len(part))
            if time.monotonic() - written > SECONDS_BETWEEN_GRIDS:
                write_grid(joined(parts), weights, config, options, whole=False)
                written = time.monotonic()

        return ascend(
            chain, options.layer, filters, config, start=start, chunk=options.chunk, on_chunk=show
        )


def numbers(filters: Sequence[str]) -> list[int] | None:
    """The filters' numbers; None for all. Raises DataError for anything else."""
    if list(filters) == ["all"]:
        return None
    if not all(text.isdecimal() for text in filters):
        raise DataError(f"Filters are numbers, or all; not {' '.join(filters)}.")
    return [int(text) for text in filters]


def write_grid(
    ascent: Ascent, weights: Weights, config: AscentConfig, options: argparse.Namespace, whole: bool
) -> None:
    """The best filters' pictures, with the number and the loss of each; nothing if all are dead."""
    ranked = ascent.ranked()
    best = ranked.select(np.arange(min(options.top, len(ranked))))
    if not len(best):
        return
    labels = [
        f"filter {number}: {loss:.3g}" + (" (rescued)" if status == "rescued" else "")
        for number, loss, status in zip(best.filters, best.last_losses, best.statuses, strict=True)
    ]
    of = f"{len(best)} of {len(ascent)} filters" + ("" if whole else " done so far")
    title = f"{options.layer}, {weights_title(weights)}: {of}, ranked"
    figure = filter_figure(best.pictures, labels, title, note(config, options.start))
    save_figure(figure, options.out / "filters.png")


def note(config: AscentConfig, start: str) -> str:
    """What the grid shows and how it was made, in three lines."""
    origin = "noise" if start == "noise" else Path(start).name
    how = [f"{config.steps} steps from {origin}"]
    how += ["Fourier"] if config.fourier else []
    how += [f"jitter {config.jitter}"] if config.jitter else []
    how += [f"border {config.border}"] if config.border else []
    colours = TRUE_COLOURS if config.fourier else CONTRAST
    return f"what excites each filter, and its mean activation\n{', '.join(how)}\n{colours}"


def write_each(ascent: Ascent, options: argparse.Namespace) -> None:
    """One PNG for each living filter, as large as it was ascended."""
    living = ascent.ranked()
    for number, picture in zip(living.filters, living.pictures, strict=True):
        with atomic_file(options.out / "each" / f"{options.layer}-{number:04d}.png") as path:
            Image.fromarray(picture).save(path, format="png")


def write_activating(
    chain: Chain, best: Ascent, images: Dataset, weights: Weights, options: argparse.Namespace
) -> Activating:
    """The images that excite the best filters most, beside the filters' pictures."""
    array = ImageArray(images, size=chain["preprocess"].image_size, resize=options.resize)
    with tqdm(total=len(array), desc="images", unit="image", disable=None) as progress:
        means = mean_activations(chain, options.layer, array, on_batch=progress.update)
    found = most_activating(means, best.filters)
    size = best.pictures.shape[1]
    shown = ImageArray(images, found.images.reshape(-1), size, options.resize)[:]
    labels = [
        [f"filter {number}", *(f"{value:.3g}" for value in values)]
        for number, values in zip(found.filters, found.activations, strict=True)
    ]
    title = f"{options.layer}, {weights_title(weights)}: images that excite its filters most"
    note = f"left: by gradient ascent; right: the best of {len(images)} images, mean activations"
    tiles = shown.reshape(*found.images.shape, size, size, 3)
    figure = activating_figure(best.pictures, tiles, labels, title, note)
    save_figure(figure, options.out / "activating.png")
    return found


def result(
    options: argparse.Namespace,
    config: AscentConfig,
    weights: Weights,
    ascent: Ascent,
    seconds: float,
) -> dict[str, object]:
    """What `result.json` holds: each filter's entry, in rank order, the dead ones last."""
    rank = {number: i for i, number in enumerate(ascent.ranked().filters.tolist(), start=1)}
    rows = zip(
        ascent.filters.tolist(), ascent.statuses, ascent.first_losses.tolist(),
        ascent.last_losses.tolist(), strict=True,
    )  # fmt: skip
    entries = [
        {
            "filter": number,
            "rank": rank.get(number),
            "status": status,
            "first_loss": first,
            "last_loss": last,
        }
        for number, status, first, last in rows
    ]
    return {
        "experiment": "visualize",
        "layer": options.layer,
        "weights": {"name": weights.info.name, "hash": weights.hash},
        "demo": weights.info.name == "demo",
        "seed": config.seed,
        "size": config.size,
        "steps": config.steps,
        "settings": settings(options),
        "seconds": seconds,
        "statuses": dict(Counter(ascent.statuses)),
        "filters": sorted(entries, key=lambda entry: rank.get(entry["filter"], len(rank) + 1)),
    }


def activating_json(found: Activating, images: Dataset) -> dict[str, list[dict[str, object]]]:
    """The images that excite each filter most: names and mean activations."""
    return {
        str(number): [
            {"image": images.ids[place], "activation": value}
            for place, value in zip(places, values, strict=True)
        ]
        for number, places, values in zip(
            found.filters, found.images.tolist(), found.activations.tolist(), strict=True
        )
    }


def last_line(ascent: Ascent, weights: Weights) -> str:
    """The result in one line."""
    counts = Counter(ascent.statuses)
    states = ", ".join(f"{counts[name]} {name}" for name in ("alive", "rescued", "dead"))
    ranked = ascent.ranked()
    best = (
        f"; best: filter {ranked.filters[0]}, mean activation "
        f"{ranked.first_losses[0]:.3g} -> {ranked.last_losses[0]:.3g}"
        if len(ranked)
        else ""
    )
    return f"{ascent.layer}, {weights_title(weights)}: {len(ascent)} filters: {states}{best}"


if __name__ == "__main__":
    run(main)
