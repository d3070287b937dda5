"""How the features of a layer become the rows that a linear head works on."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from flax import nnx

from vggjax.errors import LayerError
from vggjax.model import Chain
from vggjax.model.layers import Center, Flatten, MeanMap, Power, Pyramid, UnitLength
from vggjax.training.standardize import standardizing

Maps = Literal["pyramid", "flat", "average"]
_MAP_LAYERS: dict[str, type] = {"pyramid": Pyramid, "flat": Flatten, "average": MeanMap}


@dataclass(frozen=True)
class Rows:
    """Each value to the power `power`, maps to rows, minus the training mean, to length 1.

    `maps` says what becomes of maps (H, W, C): a `pyramid` (flat, and each map's root mean square),
    `flat` or each map's `average`; rows of dense layers stay. The defaults are what served best on
    photographs, at any number of images per class. Raises LayerError for what is unknown.

    >>> Rows(power=0.5, center=True)
    Rows(maps='pyramid', power=0.5, center=True, norm=True)
    """

    maps: Maps = "pyramid"
    power: float = 1.0
    center: bool = False
    norm: bool = True

    def __post_init__(self) -> None:
        if self.maps not in get_args(Maps):
            raise LayerError(f"Maps become {', '.join(get_args(Maps))}, not {self.maps!r}.")
        Power(self.power)  # a wrong one shows at once

    @property
    def text(self) -> str:
        """In words, such as `pyramid, square root, centred, unit length`."""
        power = {1.0: "", 0.5: "square root"}.get(self.power, f"power {self.power:g}")
        words = (self.maps, power, "centred" * self.center, "unit length" * self.norm)
        return ", ".join(filter(None, words))

    def chain(self, features: Any) -> Chain:
        """The layers that do this to features (B, *shape); a mean is that of `features`."""
        layers: dict[str, nnx.Module] = {}
        if self.power != 1:
            layers["head_power"] = Power(self.power)
        maps = self.maps if len(features.shape) > 2 else "flat"
        layers[f"head_{maps}"] = _MAP_LAYERS[maps]()
        if self.center:
            mean = standardizing(features, Chain(layers)).mean
            layers["head_center"] = Center(mean[...])
        if self.norm:
            layers["head_unit_length"] = UnitLength()
        return Chain(layers)
