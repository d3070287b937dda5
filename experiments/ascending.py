"""Ascents for a grid of filters: the recipes, which filters, and the grid while it goes on."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from engine.job import Job

from vggjax.collective import is_first
from vggjax.data import decode_image
from vggjax.errors import DataError
from vggjax.inspect import Ascent, AscentConfig, growing_ascents
from vggjax.inspect.response import require_convolution
from vggjax.inspect.result import joined
from vggjax.interrupts import keeping
from vggjax.progress import progress
from vggjax.report import save_figure

if TYPE_CHECKING:
    from vggjax.report.shown import Figure

STEPS_BETWEEN_GRIDS, SECONDS_BETWEEN_GRIDS = 8, 20
SO_FAR = "filters-so-far.png"
VIVID, REFERENCE = "vivid", "reference"
RECIPES: dict[str, Callable[..., AscentConfig]] = {
    VIVID: AscentConfig,
    REFERENCE: AscentConfig.reference,
}
SCREEN_STEPS = 10  # at half the size: tells the filters that rise fast from the others


def numbers(filters: Sequence[str]) -> list[int]:
    """The filters' numbers, none for all. Raises DataError for anything else."""
    if list(filters) == ["all"]:
        return []
    if not all(re.fullmatch(r"\d{1,5}(-\d{1,5})?", text, re.ASCII) for text in filters):
        raise DataError(
            f"Filters are numbers, ranges such as 0-63, or all; not {' '.join(filters)}."
        )
    ends = [(int(text.partition("-")[0]), int(text.rpartition("-")[2])) for text in filters]
    return [number for first, last in ends for number in range(first, last + 1)]


def ascent_config(options: Any) -> AscentConfig:
    """The recipe, with what is asked for otherwise."""
    names = ("steps", "step_size", "size", "jitter", "border")
    asked = {name: getattr(options, name) for name in names}
    changes = {name: value for name, value in asked.items() if value is not None}
    return RECIPES[options.recipe](seed=options.seed[0], **changes)


def chosen_filters(job: Job[Any], config: AscentConfig) -> tuple[Sequence[int], str]:
    """Which filters to ascend, and how they were chosen, in words."""
    options = job.options
    width = require_convolution(job.chain, options.layer).bias[...].shape[0]
    named, top = numbers(options.filters), min(options.top, width)
    if named:
        ranked = options.recipe == REFERENCE or len(named) > options.top
        words = f"the strongest of {len(named)} filters (of {width})"
        return named, words if ranked else f"{len(named)} of {width} filters"
    if options.filters and list(options.filters) != ["all"]:
        raise DataError(f"There are no filters {' '.join(options.filters)}.")
    if options.recipe == REFERENCE:
        return range(width), f"the strongest of all {width} filters"
    if not options.filters:
        return range(top), f"filters 0 to {top - 1} of {width}"
    size = config.size or job.image_size
    half = replace(config, steps=SCREEN_STEPS, size=max(size // 2, min(size, 32)), border=0)
    rises = ascended(job, half, range(width)).before_relu[:, -1]
    best = np.argsort(-np.nan_to_num(rises, nan=-np.inf), kind="stable")[:top]
    how = f"the strongest after {half.steps} steps at {half.size} pixels"
    return best.tolist(), f"{top} of {width} filters, {how}"


def ascended(
    job: Job[Any],
    config: AscentConfig,
    filters: Sequence[int],
    draw: Callable[[Ascent], Figure] | None = None,
) -> Ascent:
    """The ascent, behind a progress bar; what `draw` makes of it so far is written now and then.

    An interrupted one leaves that grid.
    """
    start = None
    if job.options.start:
        size = config.size or job.image_size
        start = decode_image(job.options.start, size, job.resize)
    growing = growing_ascents(job.chain, job.options.layer, filters, config, start=start,
                              chunk=job.options.chunk, every=STEPS_BETWEEN_GRIDS)  # fmt: skip
    so_far = job.out / SO_FAR
    parts: dict[int, Ascent] = {}
    written = -np.inf
    shown = keeping(lambda: f"{so_far} shows how far it came" if so_far.is_file() else "")
    with shown, progress(job.options.layer, len(filters) * config.steps, "step") as bar:
        for part in growing:
            before = parts.get(part.filters[0])
            parts[part.filters[0]] = part
            bar.update(len(part) * (part.steps - (before.steps if before else 0)))
            if draw and is_first() and time.monotonic() - written > SECONDS_BETWEEN_GRIDS:
                now = so_far_of(parts.values())
                if len(now.alive()):
                    save_figure(draw(now), so_far)
                written = time.monotonic()
    so_far.unlink(missing_ok=True)
    return joined(list(parts.values()))


def so_far_of(parts: Iterable[Ascent]) -> Ascent:
    """Parts that have come differently far, of which only the first and the last loss are kept."""
    ends = [0, -1]
    return joined([
        replace(part, losses=part.losses[:, ends], before_relu=part.before_relu[:, ends])
        for part in parts
    ])  # fmt: skip
