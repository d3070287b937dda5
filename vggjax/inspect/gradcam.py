"""Where a classifier looked: class activation maps from gradients.

Grad-CAM (Selvaraju et al., arXiv 1610.02391) weighs the maps A of a convolution by the gradient of
a class's logit, averaged over positions: relu(Σ_c mean(∂y/∂A_c) A_c). HiResCAM (Draelos & Carin,
arXiv 2011.08891) multiplies position by position, relu(Σ_c ∂y/∂A_c · A_c): for a head that is
linear in the maps, as they are here, these are the very terms that the logit is the sum of. What
speaks against the class is negative and cut off.
"""

from collections.abc import Callable
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from vggjax.errors import DataError, LayerError
from vggjax.features import compute
from vggjax.model import Chain, JointHead, joint_head
from vggjax.model.layers import Convolution

Method = Literal["hirescam", "gradcam"]


def grad_cam(
    backbone: Chain,
    head: Chain | JointHead,
    images: np.ndarray,
    classes: np.ndarray,
    method: Method = "hirescam",
) -> np.ndarray:
    """Heat maps (N, H, W) in 0–1, where `images` speak for `classes` (N,), one for each.

    `images` (N, H, W, 3) are uint8 RGB of the size that `backbone` takes, `head` is what stands on
    it. The maps are those of the last convolution that everything the head sees passes through.
    Each is scaled to its own maximum; where nothing speaks for the class it is 0. Raises LayerError
    if there is no convolution before the head, DataError for another method or other classes.

    >>> import vggjax
    >>> vgg = vggjax.load_vgg("demo")
    >>> cut = vgg.until("fc1"), vgg.after("fc1")
    >>> grad_cam(*cut, np.zeros((1, 64, 64, 3), np.uint8), np.array([3])).shape
    (1, 64, 64)
    """
    if method not in get_args(Method):
        raise DataError(f"Heat maps are made by {' or '.join(get_args(Method))}, not {method!r}.")
    joint = joint_head(head, backbone.names[-1])
    layer = explained_layer(backbone, head)
    inside = layer not in backbone.names
    activations = compute(backbone if inside else backbone.until(layer), images, 1)
    if inside:
        activations = compute(joint[joint.layers[0]].until(layer), activations, 1)
    rest = _rest(backbone, joint, layer)
    logits = jax.eval_shape(rest, activations)
    if len(classes) and not 0 <= np.min(classes) <= np.max(classes) < logits.shape[1]:
        raise DataError(f"Classes are 0 to {logits.shape[1] - 1}.")
    found = _evidence(rest, jnp.asarray(activations), jnp.asarray(classes), method)
    size = (len(images), *images.shape[1:3])
    return np.clip(np.asarray(jax.image.resize(found, size, "bilinear")), 0, 1)


def explained_layer(backbone: Chain, head: Chain | JointHead) -> str:
    """The last convolution that all the head sees passes through; LayerError if there is none."""
    joint = joint_head(head, backbone.names[-1])
    own = joint[joint.layers[0]]
    if len(joint.layers) == 1 and (inside := _convolutions(own)):
        return inside[-1]
    first = min(joint.layers, key=backbone.position)
    before = _convolutions(backbone.until(first))
    if not before:
        raise LayerError(f"There is no convolution before {first} to make a heat map of.")
    return before[-1]


def _convolutions(chain: Chain) -> list[str]:
    return [name for name in chain.names if isinstance(chain[name], Convolution)]


def _rest(backbone: Chain, joint: JointHead, layer: str) -> Callable[[jax.Array], jax.Array]:
    """What gives the logits, of the outputs of `layer`."""
    if layer not in backbone.names:
        return joint[joint.layers[0]].after(layer)
    between = {name: backbone.until(name).after(layer) for name in joint.layers}
    return lambda x: joint({name: between[name](x) for name in joint.layers})


def _evidence(
    rest: Callable[[jax.Array], jax.Array], maps: jax.Array, classes: jax.Array, method: Method
) -> jax.Array:
    """(N, h, w): what speaks for the class at each place, scaled to its maximum."""

    def chosen(x: jax.Array) -> jax.Array:
        return jnp.take_along_axis(rest(x), classes[:, None], axis=1).sum()

    gradient = jax.grad(chosen)(maps)
    if method == "gradcam":
        gradient = jnp.broadcast_to(gradient.mean((1, 2), keepdims=True), gradient.shape)
    evidence = jax.nn.relu((gradient * maps).sum(-1))
    return evidence / jnp.maximum(evidence.max((1, 2), keepdims=True), 1e-30)
