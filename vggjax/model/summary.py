"""A chain as a table of its layers, for people."""

from typing import Any

import numpy as np

from vggjax.model.chain import Chain, count_parameters, layer_shapes


def summary(chain: Chain) -> str:
    """The layers of `chain` in a table: kind, shape of one example's output, parameters; the total.

    The shapes are those for the images that the chain expects, if it starts with `preprocess`, or
    for the features that its first layer with parameters takes; "?" where nothing tells.

    >>> import vggjax
    >>> print(summary(vggjax.softmax_head((7, 7, 512), classes=3)))
    layer         kind     output  parameters
    head_flatten  flatten       ?           0
    head          dense         3      75,267
    total                              75,267
    """
    shapes = _known_shapes(chain)
    rows = [("layer", "kind", "output", "parameters")]
    for name in chain.names:
        kind = getattr(chain[name], "kind", type(chain[name]).__name__)
        own = count_parameters(Chain({name: chain[name]}))
        shape = "x".join(map(str, shapes[name])) if name in shapes else "?"
        rows.append((name, kind, shape, f"{own:,}"))
    rows.append(("total", "", "", f"{count_parameters(chain):,}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    name, kind, *numbers = (f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True))
    right = [f"{cell.strip():>{w}}" for cell, w in zip(numbers, widths[2:], strict=True)]
    return "  ".join([name, kind, *right])


def _known_shapes(chain: Chain) -> dict[str, tuple[int, ...]]:
    """The layers' output shapes, from the first layer on that tells what it takes."""
    for position, name in enumerate(chain.names):
        if shape := _expected(chain[name]):
            known = chain._part(chain.names[position:])
            return layer_shapes(known, shape, np.float32)
    return {}


def _expected(layer: Any) -> tuple[int, ...] | None:
    """The shape of one input that `layer` takes, if it is of one shape only."""
    if hasattr(layer, "image_size"):
        return (layer.image_size, layer.image_size, 3)
    if hasattr(layer, "mean"):
        return layer.mean.shape
    kernel = getattr(layer, "kernel", None)
    return kernel.shape[:1] if kernel is not None and kernel.ndim == 2 else None
