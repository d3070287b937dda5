"""What a network's filters make of an image: feature maps of some layers
(reference rows C4, U3).

    python experiments/feature_maps.py
    python experiments/feature_maps.py --images a.jpg --layers block3_conv3
    python experiments/feature_maps.py --count 4 --maps 0 1 2 3 --columns 4

The reference: the first layer shows edges and colours over the whole object;
the last one lights up for a few parts, or for nothing.
"""

import vggjax.startup  # noqa: F401

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from engine.experiment import Experiment, OverviewRow, main
from engine.job import Job, Outcome
from engine.options import DataOptions, option
from engine.run_folder import Result
from engine.sources import given_images, imagenet_or_demo, load_images

from vggjax.data import Dataset, make_split
from vggjax.errors import DataError
from vggjax.inspect import check_maps, choose_maps, feature_maps, map_picture
from vggjax.inspect.maps import require_maps
from vggjax.report import LayerMaps, Table, maps_figure


@dataclass(frozen=True, kw_only=True)
class MapsOptions(DataOptions):
    """Which images, layers and maps."""

    group: ClassVar[str] = "what is shown"
    rank: ClassVar[int] = 1

    images: tuple[Path, ...] = option(
        (), "image files (default: random test images of the data)", metavar="FILE", beside=True
    )
    count: int = option(3, "how many random test images", metavar="N", least=1)
    layers: tuple[str, ...] = option(
        ("block1_conv1", "block5_conv3"), "convolutions or pooling layers", metavar="LAYER"
    )
    maps: tuple[int, ...] = option((), "numbers of the maps (default: random ones)", metavar="N")
    random: int = option(4, "how many random maps of each layer", metavar="N", least=1)
    scale: str = option(
        "map", "white is the largest value of each map, or of its grid, as in the reference",
        choices=("map", "grid"),
    )  # fmt: skip
    columns: int | None = option(
        None, "columns of each grid (default: square)", metavar="N", least=1
    )


def load(options: MapsOptions) -> tuple[Dataset, str]:
    """The given images, or random test images of the data: those of `caltech.py`, by seed."""
    if options.images:
        return given_images(options.images), imagenet_or_demo(options.weights)
    dataset, weights = load_images(options)
    seed = options.seed[0]
    test = make_split(dataset, samples=32, seed=seed).indices(dataset, "test")
    if options.count > len(test):
        raise DataError(f"There are only {len(test)} test images, not {options.count}.")
    chosen = np.random.default_rng(seed).choice(test, options.count, replace=False)
    return dataset.subset(chosen), weights


def run(job: Job[MapsOptions]) -> Outcome:
    """Run the network on the images, and draw some of the layers' maps."""
    options, images = job.options, job.images()[:]
    require_maps(job.chain, options.layers)
    maps = feature_maps(job.chain, images, options.layers)
    layers = [shown_maps(layer, maps[layer], options) for layer in options.layers]
    names = [name.partition("/")[2] if options.images else name for name in job.data.ids]
    title = f"{job.title}: feature maps"
    shown = {
        maps.layer: {"maps": maps.numbers.tolist(), "size": list(maps.pictures.shape[2:])}
        for maps in layers
    }
    figures = {
        "maps.png": maps_figure(images, names, layers, title, options.columns, options.scale)
    }
    return Outcome(figures=figures, facts={"images": names, "shown": shown})


def shown_maps(layer: str, maps: np.ndarray, options: MapsOptions) -> LayerMaps:
    """The maps of a layer to show, of its `maps` (N, H, W, channels)."""
    channels = maps.shape[-1]
    if options.maps:
        numbers = check_maps(options.maps, channels, layer)
    else:
        numbers = choose_maps(channels, options.random, options.seed[0], layer)
    own = np.moveaxis(maps[..., numbers], -1, 1)
    return LayerMaps(
        layer,
        numbers,
        channels,
        map_picture(own, together=options.scale == "grid"),
        own.max((2, 3)),
    )


def table(result: Result) -> Table:
    """Which maps of which layers."""
    rows = [
        (layer, "{} x {}".format(*shown["size"]), ", ".join(map(str, shown["maps"])))
        for layer, shown in result["shown"].items()
    ]
    return Table(("layer", "pixels", "maps shown"), tuple(rows))


def overview(result: Result) -> list[OverviewRow]:
    """What to look for, in a row of the page's first table."""
    return [("feature maps", "first layer: edges; last: few parts", "see its figure")]


MAPS = Experiment(
    name="feature_maps",
    rows="C4, U3",
    title="feature maps of test images",
    text="The first layer shows edges and colours over the whole object, the last one lights "
    "up for a few parts or for nothing (Figures 4 to 6, 21, 22).",
    description=__doc__,
    options=MapsOptions,
    layers=lambda options: options.layers,
    load=load,
    run=run,
    table=table,
    line=lambda result: f"maps.png shows {len(result['images'])} images",
    overview=overview,
    captions={"maps.png": "images and their maps"},
)

if __name__ == "__main__":
    main(MAPS)
