"""The whole network as a classifier of ImageNet's 1,000 classes, by their names."""

from functools import cache
from importlib.resources import files
from pathlib import Path

from vggjax.errors import DataError
from vggjax.training import Classifier
from vggjax.weights import NAMES, load_vgg

LAST = "predictions"


@cache
def imagenet_classes() -> tuple[str, ...]:
    """ImageNet's 1,000 classes in the order of the network's outputs (ILSVRC 2012).

    They are the first of WordNet's words for each, all different.

    >>> imagenet_classes()[0], imagenet_classes()[281], imagenet_classes().index("espresso")
    ('tench', 'tabby', 967)
    """
    text = (files("vggjax") / "imagenet_classes.txt").read_text(encoding="utf-8")
    return tuple(line.split(" ", 1)[1] for line in text.splitlines())


def imagenet_classifier(weights: str = "imagenet") -> Classifier:
    """The network `weights` (see `vggjax.load_vgg`) whole, and ImageNet's names for its outputs.

    Its probabilities are the network's own, not calibrated, and photos are cropped to its size.
    Raises WeightsError for weights without dense layers, DataError for other than 1,000 outputs.
    """
    network = load_vgg(weights, until=LAST)
    classes, outputs = imagenet_classes(), network[LAST].bias[...].shape[0]
    if outputs != len(classes):
        raise DataError(
            f"The weights {weights} tell {outputs} classes apart, ImageNet has {len(classes)}; "
            "give a saved classifier, which knows the names of its classes."
        )
    *_, before, _ = network.names
    return Classifier(network.until(before), network.after(before), classes, weights=weights)


def classifier_called(place: str | Path, weights: str | None = None) -> Classifier:
    """The classifier saved as the folder `place`, or the whole network of weights of that name.

    Raises as `Classifier.load` and `imagenet_classifier` do.
    """
    if str(place) in NAMES and not Path(place).exists():
        return imagenet_classifier(weights or str(place))
    return Classifier.load(place, weights)
