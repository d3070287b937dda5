"""Weight files of other libraries, converted: in memory, or into a store."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from vggjax.files import file_hash
from vggjax.model import Chain, Parameters, build_vgg
from vggjax.model.config import Preprocessing
from vggjax.weights.convert import infer_config, to_parameters
from vggjax.weights.formats import read_weights
from vggjax.weights.info import WeightsInfo, digest_layers
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
    path: Path, name: str | None = None, preprocessing: Preprocessing | None = None
) -> Weights:
    """Read and convert a weight file.

    `name` is the file's by default, `preprocessing` its format's ('caffe' for Keras).
    Raises WeightsError if it can't be read or isn't a VGG.
    """
    foreign = read_weights(path)
    config = infer_config(foreign)
    if preprocessing:
        config = replace(config, preprocessing=preprocessing)
    params, config = to_parameters(foreign, config)
    checksum, notes = file_hash(path), {"format": foreign.kind}
    info = WeightsInfo(name or path.stem, path.name, checksum, config, digest_layers(params), notes)
    return Weights(info, params)


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
