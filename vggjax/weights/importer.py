"""Weight files of other libraries, converted: in memory, or into a store."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from vggjax.errors import WeightsError
from vggjax.files import file_hash
from vggjax.model import Chain, Parameters, build_vgg
from vggjax.model.config import Preprocessing
from vggjax.weights.convert import to_parameters
from vggjax.weights.formats import read_weights
from vggjax.weights.info import Layers, WeightsInfo, digest_layers, parameter_layers
from vggjax.weights.match import Match, match
from vggjax.weights.store import STORE, save


class Weights(NamedTuple):
    """Parameters and what is known about them; `params` may be only the first layers."""

    info: WeightsInfo
    params: Parameters

    @property
    def hash(self) -> str:
        """The identity of the layers that are here: 16 hex digits (see `WeightsInfo.identity`)."""
        return self.info.identity(self.params)

    def chain(self, until: str | None = None) -> Chain:
        """The network that the weights fill, as `vggjax.model.build_vgg` makes it."""
        return build_vgg(self.info.config, self.params, until)


def import_weights(
    path: Path,
    name: str | None = None,
    preprocessing: Preprocessing | None = None,
    layers: Layers = None,
) -> Weights:
    """Read and convert a weight file, or as much of it as the deepest of `layers` needs.

    `name` is the file's by default, `preprocessing` what the file states, or its format's ('caffe'
    for Keras). The notes of the description say what was assumed, left out and folded.

    Raises WeightsError if it can't be read, isn't a VGG, or says of its images what isn't known
    here, LayerError if it lacks one of the layers.
    """
    foreign = read_weights(path)
    found = match(foreign)
    if foreign.stated.odd and not preprocessing:
        raise WeightsError(
            f"{path} begins with {foreign.stated.odd}, which isn't known here; say what the "
            "convolutions get (--preprocessing)."
        )
    config = replace(found.config, preprocessing=preprocessing or found.config.preprocessing)
    params = to_parameters(foreign, found, parameter_layers(config, layers))
    checksum, notes = file_hash(foreign.path), _notes(foreign.kind, found, preprocessing)
    info = WeightsInfo(name or path.stem, path.name, checksum, config, digest_layers(params), notes)
    return Weights(info, params)


def _notes(kind: str, found: Match, preprocessing: Preprocessing | None) -> dict[str, str]:
    """What a reader of the description should know of how the file was read."""
    assumed = [each for each in found.assumed if not (preprocessing and "preprocessing" in each)]
    normalised = sum(layer.norm is not None for layer in found.layers.values())
    first, more = found.left_out[:3], len(found.left_out) - 3
    notes = {
        "format": kind,
        "assumed": "; ".join(assumed),
        "folded": f"batch normalisation of {normalised} convolutions" if normalised else "",
        "left out": f"{', '.join(first)}{f' and {more} more' if more > 0 else ''}",
    }
    return {key: value for key, value in notes.items() if value}


def convert_file(
    path: Path,
    folder: Path,
    name: str | None = None,
    preprocessing: Preprocessing | None = None,
    *,
    source: str | None = None,
    overwrite: bool = False,
) -> WeightsInfo:
    """Convert a weight file into a store at `folder`, whole or not at all.

    `source` replaces the file's name in the description, for example by its address. Raises
    WeightsError as `import_weights` and `store.save` do.
    """
    STORE.refuse_existing(folder, overwrite)
    info, params = import_weights(path, name, preprocessing)
    info = replace(info, source=source or info.source)
    save(folder, params, info, overwrite=overwrite)
    return info
