"""What an experiment works on, options, data and network, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, cast

import numpy as np

from engine.cluster import require_fetched
from engine.options import OptionsT
from vggjax import collective
from vggjax.data import Dataset, ImageArray, Split
from vggjax.files import user_path
from vggjax.model import Chain, deepest_layer, in_precision, output_shape
from vggjax.model.config import Preprocessing
from vggjax.report.reference import URBAN_TRIBES
from vggjax.training import TrainedHead
from vggjax.weights import (
    NAMES,
    Weights,
    demo_config,
    load_weights,
    title_of,
    weights_identity,
)

if TYPE_CHECKING:
    from vggjax.report.shown import Figure

IMAGENET = "imagenet"  # the reference's weights


@dataclass(frozen=True)
class Outcome:
    """What an experiment found: heads, figures by their file's name, and facts in JSON.

    Pictures (H, W, 3), uint8, may stand among the figures; a name may have a folder before it.
    `tables` write other files, by their names.
    """

    heads: Sequence[TrainedHead] = ()
    figures: Mapping[str, Figure | np.ndarray] = field(default_factory=dict)
    tables: Mapping[str, Callable[[Path], None]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Job(Generic[OptionsT]):
    """What a run of an experiment is given; the weights are loaded when they are first used.

    In the `options`, nothing that depends on the data is open any more; `command` is the command
    line as it was meant, without what was chosen so.
    """

    options: OptionsT
    dataset: Dataset | None
    splits: Sequence[Split]
    weights_name: str
    layers: Sequence[str]
    out: Path
    command: str
    reference_layers: bool = True  # whether the reference's numbers are of these layers
    remarks: Sequence[str] = ()  # what is to be said of the images
    staged: Path | None = None  # where the run's files are gathered, while it goes on

    @cached_property
    def weights(self) -> Weights:
        """The weights until the deepest of the layers, the same in all processes."""
        require_fetched(self.weights_name, self.layers)
        collective.require_same(self._own_weights.hash, "weights")
        return self._own_weights

    @cached_property
    def _own_weights(self) -> Weights:
        on_demo = self.dataset is not None and self.dataset.demo
        config = demo_config() if self.weights_name == "random" and on_demo else None
        return load_weights(
            self.weights_name, self.layers, config=config, preprocessing=self.preprocessing
        )

    @cached_property
    def chain(self) -> Chain:
        """The frozen network until the deepest of the layers."""
        chain = self.weights.chain(deepest_layer(self.weights.info.config, self.layers))
        precision = self.options.precision
        return chain if precision == chain.dtype else in_precision(chain, precision)

    @property
    def weights_identity(self) -> str | None:
        """What the layers' weights are named by; None while they would have to be fetched."""
        if self.weights_name not in NAMES and user_path(self.weights_name).is_file():
            return self._own_weights.hash  # a file has to be read for that: once is enough
        return weights_identity(self.weights_name, self.layers, self.preprocessing)

    @property
    def preprocessing(self) -> Preprocessing | None:
        """What the weights expect of images, if that is said."""
        return cast(Preprocessing | None, self.options.preprocessing)  # one of the choices

    @property
    def data(self) -> Dataset:
        """The data set, where the experiment has one."""
        assert self.dataset is not None
        return self.dataset

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.data.class_names)

    @property
    def demo(self) -> bool:
        """Whether rendered images, or weights trained on them, are behind the result."""
        return (self.dataset is not None and self.dataset.demo) or self.weights_name == "demo"

    @property
    def comparable(self) -> bool:
        """Whether all is the reference's, or data and weights the demo's that stand in for them."""
        if not self.reference_layers:
            return False
        if self.dataset is None or self.dataset.demo:
            return title_of(self.weights_name) in ("demo", IMAGENET)
        return is_reference_data(self.dataset) and title_of(self.weights_name) == IMAGENET

    @property
    def network(self) -> str:
        """The weights in words, for tables and figures."""
        return f"{'DEMO' if self.weights_name == 'demo' else self.weights.info.name} weights"

    @property
    def title(self) -> str:
        """Data and weights in words."""
        if self.dataset is None:
            return self.network
        data = "DEMO set" if self.dataset.demo else self.dataset.name
        return f"{data}, {self.weights.info.name} weights"

    def images(self, indices: np.ndarray | None = None, size: int | None = None) -> ImageArray:
        """The images at `indices` of the data set, at the network's size or another."""
        return ImageArray(self.data, indices, size or self.image_size, self.resize)

    @property
    def resize(self) -> str:
        """How images get the network's size."""
        assert self.options.resize is not None, "resolved when the data were known"
        return self.options.resize

    @property
    def image_size(self) -> int:
        """The side of the images that the network takes, in pixels."""
        return self.weights.info.config.image_size

    def feature_shape(self, layer: str) -> tuple[int, ...]:
        """The shape of one image's features at `layer`."""
        shape = (self.image_size, self.image_size, 3)
        return output_shape(self.chain.until(layer), shape, np.uint8)


def is_reference_data(dataset: Dataset | None) -> bool:
    """Whether images are the reference's own, or the demo's that stand in for them."""
    if dataset is None or dataset.demo:
        return dataset is not None
    caltech = dataset.name == "caltech256" and len(dataset.class_names) == 256
    return caltech or dataset.class_names == URBAN_TRIBES
