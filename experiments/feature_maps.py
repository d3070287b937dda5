"""What a network's filters make of an image: feature maps of some layers (report rows C4, U3).

    python experiments/feature_maps.py
    python experiments/feature_maps.py --images a.jpg b.jpg --layers block1_conv1 block3_conv3
    python experiments/feature_maps.py --count 4 --maps 0 1 2 3 --columns 4

The report: the first layer shows edges and colours over the whole object; the last one lights up
for a few parts, or for nothing.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common import add_data_options, load_setting, run, settings
from inspecting import decoded, weights_or_demo, weights_title

from vggjax.data import ImageArray, make_split
from vggjax.errors import DataError
from vggjax.files import write_json
from vggjax.inspect import check_maps, choose_maps, feature_maps, map_picture
from vggjax.inspect.maps import require_maps
from vggjax.model import Chain
from vggjax.report import LayerMaps, maps_figure, save_figure
from vggjax.weights import Weights


@dataclass(frozen=True)
class Shown:
    """The images to show, uint8 RGB (N, size, size, 3), their names, and what they are."""

    images: np.ndarray
    names: list[str]
    what: str


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--images", type=Path, nargs="+", metavar="FILE", help="default: random test images")
    add("--count", type=int, default=3, help="how many random test images")
    add("--layers", nargs="+", default=["block1_conv1", "block5_conv3"], metavar="LAYER")
    add("--maps", type=int, nargs="+", metavar="N", help="numbers of the maps (default: random)")
    add("--random", type=int, default=4, metavar="N", help="how many random maps of each layer")
    add("--columns", type=int, metavar="N", help="columns of each grid (default: square)")
    add("--seed", type=int, default=0, help="seed of the split, and of images and maps drawn")
    add("--out", type=Path, default=Path("runs/feature_maps"), metavar="FOLDER", help="results")
    add_data_options(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Choose images and maps, run the network, and write figure and sidecar."""
    begin = time.perf_counter()
    options = parse(arguments)
    check(options)
    weights, shown = load(options)
    chain = checked_chain(weights, options.layers)
    found = feature_maps(chain, shown.images, options.layers)
    layers = [chosen(layer, maps, options) for layer, maps in found.items()]
    title = f"{shown.what}, {weights_title(weights)}: feature maps"
    figure = maps_figure(shown.images, shown.names, layers, title, options.columns)
    save_figure(figure, options.out / "maps.png")
    seconds = round(time.perf_counter() - begin, 1)
    content = result(options, weights, shown, layers, seconds)
    write_json(options.out / "result.json", content)
    print(f"{options.out / 'result.json'} written after {seconds} s")
    print(f"{title} of {len(shown.names)} images in {options.out / 'maps.png'}")


def check(options: argparse.Namespace) -> None:
    """Refuse numbers that make no sense before anything is loaded."""
    for name in ("count", "random", "columns"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise DataError(f"--{name} must be at least 1, not {value}.")
    if options.seed < 0:
        raise DataError(f"The seed must be at least 0, not {options.seed}.")


def load(options: argparse.Namespace) -> tuple[Weights, Shown]:
    """The weights until the last of the layers, and the images: given ones or random test images.

    The test images are those of `caltech.py` with the same seed.
    """
    until = max(options.layers)  # the names of layers that have maps sort in the network's order
    if options.images:
        weights = weights_or_demo(options.weights, until)
        chain = checked_chain(weights, options.layers)
        images = decoded(options.images, chain["preprocess"].image_size, options.resize)
        return weights, Shown(images, [file.name for file in options.images], "given images")
    setting = load_setting(options, until)
    size = checked_chain(setting.weights, options.layers)["preprocess"].image_size
    split = make_split(setting.dataset, samples=32, seed=options.seed)
    test = split.indices(setting.dataset, "test")
    if options.count > len(test):
        raise DataError(f"There are only {len(test)} test images, not {options.count}.")
    places = np.random.default_rng(options.seed).choice(test, options.count, replace=False)
    images = ImageArray(setting.dataset, places, size, options.resize)[:]
    what = "DEMO set" if setting.dataset.demo else setting.dataset.name
    names = [setting.dataset.ids[place] for place in places]
    return setting.weights, Shown(images, names, f"{what}, random test images")


def checked_chain(weights: Weights, layers: Sequence[str]) -> Chain:
    """The network; raises LayerError if one of the layers has no maps."""
    chain = weights.chain(until=max(layers))
    require_maps(chain, layers)
    return chain


def chosen(layer: str, maps: np.ndarray, options: argparse.Namespace) -> LayerMaps:
    """The maps of a layer to show, of its `maps` (N, H, W, channels)."""
    channels = maps.shape[-1]
    if options.maps:
        numbers = check_maps(options.maps, channels, layer)
    else:
        numbers = choose_maps(channels, options.random, options.seed, layer)
    return LayerMaps(layer, numbers, channels, map_picture(np.moveaxis(maps[..., numbers], -1, 1)))


def result(
    options: argparse.Namespace,
    weights: Weights,
    shown: Shown,
    layers: Sequence[LayerMaps],
    seconds: float,
) -> dict[str, object]:
    """What `result.json` holds."""
    return {
        "experiment": "feature_maps",
        "weights": {"name": weights.info.name, "hash": weights.hash},
        "demo": weights.info.name == "demo",
        "images": shown.names,
        "layers": {
            maps.layer: {"maps": maps.numbers.tolist(), "size": list(maps.pictures.shape[2:])}
            for maps in layers
        },
        "settings": settings(options) | {"images": shown.names},
        "seconds": seconds,
    }


if __name__ == "__main__":
    run(main)
