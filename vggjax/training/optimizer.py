"""Who moves and who doesn't: the optimizer, partitioned by layer."""

from collections.abc import Collection
from functools import cache

import optax

from vggjax.errors import LayerError
from vggjax.model import Chain, parameters

TRAINED, FROZEN = "trained", "frozen"
Labels = tuple[tuple[str, str], ...]


@cache
def rmsprop(learning_rate: float) -> optax.GradientTransformation:
    """RMSprop as Keras 3 defines it: rho 0.9, epsilon 1e-7 (the reference's optimizer, C1)."""
    return optax.rmsprop(learning_rate, decay=0.9, eps=1e-7)


@cache
def keras1_rmsprop(learning_rate: float) -> optax.GradientTransformation:
    """RMSprop as the reference's Keras 1 had it: rho 0.9, epsilon 1e-8, outside of the root.

    A parameter moves by rate · g / (√a + 1e-8), a being the mean of g²: where gradients are below
    some 1e-3, as behind a clipped loss, Keras 3's 1e-7 inside the root would make it move less.
    """
    return optax.rmsprop(learning_rate, decay=0.9, eps=1e-8, eps_in_sqrt=False)


def layer_labels(chain: Chain, trained: Collection[str]) -> Labels:
    """(layer, "trained" or "frozen") for each layer of `chain` that has parameters.

    Raises LayerError if a layer in `trained` is unknown or has no parameters: a partition that
    silently trains nothing is the mistake that this guards against.
    """
    layers = list(parameters(chain))
    for name in trained:
        chain.position(name)
        if name not in layers:
            raise LayerError(f"The layer '{name}' has no parameters to train.")
    if not trained:
        raise LayerError("There is no layer to train.")
    return tuple((name, TRAINED if name in trained else FROZEN) for name in layers)


@cache
def partition(
    optimizer: optax.GradientTransformation, labels: Labels
) -> optax.GradientTransformation:
    """`optimizer` for the layers labelled trained, nothing at all for the frozen ones.

    The same object for the same arguments, so that a second training compiles nothing.
    Clipping, decay and the like belong inside `optimizer`: around the partition they would need
    the frozen layers' gradients, and XLA could no longer leave out the whole backward pass.
    """
    return optax.multi_transform({TRAINED: optimizer, FROZEN: optax.set_to_zero()}, dict(labels))
