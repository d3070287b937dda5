"""Who moves and who doesn't: the optimizer, partitioned by layer."""

from collections.abc import Collection
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import optax

from vggjax.errors import LayerError
from vggjax.model import Chain, Parameters, parameters

TRAINED, FROZEN = "trained", "frozen"
Labels = tuple[tuple[str, str], ...]


@cache
def rmsprop(learning_rate: float) -> optax.GradientTransformation:
    """RMSprop as Keras 3 defines it: rho 0.9, epsilon 1e-7 (the reference's optimizer, C1)."""
    return optax.rmsprop(learning_rate, decay=0.9, eps=1e-7)


@cache
def adjustable_rmsprop() -> optax.GradientTransformation:
    """`rmsprop`, bit for bit, whose rate stands in its state: one compiled step for all rates.

    The rate is 0 until `with_rate` sets it.
    """
    adjustable = optax.inject_hyperparams(optax.rmsprop, static_args=("decay", "eps"))
    return adjustable(learning_rate=0.0, decay=0.9, eps=1e-7)


def with_rate(state: optax.OptState, learning_rate: float) -> optax.OptState:
    """The state of an `adjustable_rmsprop`, also in a `partition`, with another rate."""
    rate = jnp.asarray(learning_rate, jnp.float32)
    return optax.tree_utils.tree_set(state, learning_rate=rate)


@cache
def keras1_rmsprop(learning_rate: float) -> optax.GradientTransformation:
    """RMSprop as the reference's Keras 1 had it: rho 0.9, epsilon 1e-8, outside of the root.

    A parameter moves by rate · g / (√a + 1e-8), a being the mean of g²: where gradients are below
    some 1e-3, as behind a clipped loss, Keras 3's 1e-7 inside the root would make it move less.
    """
    return optax.rmsprop(learning_rate, decay=0.9, eps=1e-8, eps_in_sqrt=False)


@cache
def gentle(learning_rate: float) -> optax.GradientTransformation:
    """A step along the gradient, by the share `learning_rate` of each array's own length.

    LARS without decay (You et al., arXiv 1708.03888), momentum 0.9: one rate for convolutions and
    heads of any scale, however small the loss is.
    """
    return optax.lars(learning_rate, trust_coefficient=1.0, momentum=0.9)


def layer_labels(chain: Chain, trained: str | Collection[str]) -> Labels:
    """(layer, "trained" or "frozen") for each layer of `chain` that has parameters.

    Raises LayerError if a layer in `trained` is unknown or has no parameters: a partition that
    silently trains nothing is the mistake that this guards against.
    """
    layers, names = list(parameters(chain)), [trained] if isinstance(trained, str) else trained
    for name in names:
        chain.position(name)
        if name not in layers:
            raise LayerError(f"The layer '{name}' has no parameters to train.")
    if not names:
        raise LayerError("There is no layer to train.")
    return tuple((name, TRAINED if name in names else FROZEN) for name in layers)


@cache
def partition(
    optimizer: optax.GradientTransformation, labels: Labels
) -> optax.GradientTransformationExtraArgs:
    """`optimizer` for the layers labelled trained, nothing at all for the frozen ones.

    The same object for the same arguments, so that a second training compiles nothing.
    Clipping, decay and the like belong inside `optimizer`: around the partition they would need
    the frozen layers' gradients, and XLA could no longer leave out the whole backward pass.
    """
    parts = {TRAINED: optimizer, FROZEN: optax.set_to_zero()}
    return optax.multi_transform(parts, dict(labels), mask_compatible_extra_args=True)


def unmasked(trained: Parameters, tree: Parameters) -> Parameters:
    """The whole `tree` with the parameters that an optimizer in a `partition` works on.

    It has `optax.MaskedNode` in the place of frozen ones.
    """

    def masked(node: Any) -> bool:
        return isinstance(node, optax.MaskedNode)

    return jax.tree.map(lambda new, old: old if masked(new) else new, trained, tree, is_leaf=masked)
