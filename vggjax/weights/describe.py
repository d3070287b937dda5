"""A text that says what a store or a weight file holds."""

from itertools import islice
from math import prod
from pathlib import Path

from vggjax.errors import shown
from vggjax.model.config import VGGConfig, parameter_shapes
from vggjax.weights.importer import import_weights
from vggjax.weights.info import WeightsInfo
from vggjax.weights.store import load_info, verify

_MOST_NOTES = 20


def describe(path: Path, *, check: bool = False) -> str:
    """What a store (a folder) or a weight file holds, as lines of text.

    A weight file is always read whole; `check` reads a store whole as well and compares its
    checksums. Raises WeightsError if it is missing, damaged or not a VGG.
    """
    if path.is_dir():
        info = verify(path) if check else load_info(path)
    else:
        info = import_weights(path).info
    lines = _facts(info) + _layers(info.config)
    return "\n".join([*lines, "All of it was read and is as it should be."] if check else lines)


def _facts(info: WeightsInfo) -> list[str]:
    config = info.config
    facts = {
        "name": info.name,
        "source": info.source,
        "sha256": info.source_sha256 or "none",
        "preprocessing": config.preprocessing,
        "images": f"{config.image_size} x {config.image_size} pixels",
        "blocks": ", ".join(
            f"{depth} x {width}" for depth, width in zip(config.depths, config.widths, strict=True)
        ),
        "top": f"{config.hidden} hidden, {config.classes} classes" if config.top else "none",
        **{shown(key, 20): str(value) for key, value in islice(info.notes.items(), _MOST_NOTES)},
    }
    width = max(map(len, facts)) + 2
    return [f"{key + ':':<{width}}{shown(value)}" for key, value in facts.items()]


def _layers(config: VGGConfig) -> list[str]:
    lines, total = [], 0
    for layer, roles in parameter_shapes(config).items():
        count = sum(map(prod, roles.values()))
        total += count
        kernel = " x ".join(map(str, roles["kernel"]))
        lines.append(f"  {layer:<14}{kernel:<22}{count:>13,}")
    return ["layers:", *lines, f"  {'all':<36}{total:>13,}"]
