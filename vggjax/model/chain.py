"""A chain of named layers, and the one operation everything here is made of: cutting it."""

from collections.abc import Collection, Mapping
from typing import Any

import jax
import numpy as np
from flax import nnx
from jax.typing import ArrayLike

from vggjax.errors import LayerError
from vggjax.model.config import layer_position

Parameters = dict[str, dict[str, Any]]


class Chain(nnx.Module):
    """Named layers applied one after the other.

    Cutting (`until`, `after`) and joining (`then`) share the layers, they copy nothing. `dtype` is
    what it computes in (see `vggjax.model.in_precision`). It can be differentiated in both
    directions (`jax.grad`, `jax.jvp`) and mapped (`jax.vmap`), with respect to the input, in
    floating point, and to its `parameters`.

    >>> import vggjax
    >>> vgg = vggjax.load_vgg("demo")
    >>> vgg.until("fc1").names[-2:], vgg.after("fc1").names
    (('flatten', 'fc1'), ('fc2', 'predictions'))
    >>> vgg.after("flatten")  # print() shows the layers
    Chain(fc1 … predictions, 3 layers, 509,024 parameters)
    """

    dtype = "float32"

    def __init__(self, layers: Mapping[str, nnx.Module]):
        self.names = tuple(layers)
        for name, layer in layers.items():
            setattr(self, name, layer)

    def __call__(self, x: jax.Array) -> jax.Array:
        for name in self.names:
            x = self[name](x)
        return x

    def __getitem__(self, name: str) -> Any:
        """The layer called `name`; raises LayerError if there is none."""
        self.position(name)
        return getattr(self, name)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        ends = " … ".join(dict.fromkeys((*self.names[:1], *self.names[-1:])))
        count = f"{len(self)} layer{'s' * (len(self) != 1)}"
        dtype = "" if self.dtype == "float32" else f", {self.dtype}"
        facts = f"{count}, {count_parameters(self):,} parameters{dtype}"
        return f"{type(self).__name__}({ends}, {facts})" if ends else f"{type(self).__name__}()"

    def __str__(self) -> str:
        from vggjax.model.summary import summary

        return summary(self)

    def __treescope_repr__(self, path: Any, subtree_renderer: Any) -> Any:
        """The short form, where a notebook would show all arrays."""
        from treescope import rendering_parts  # type: ignore[import-untyped]

        return rendering_parts.text(repr(self))

    def position(self, name: str) -> int:
        """Where in the chain the layer `name` stands; raises LayerError if it doesn't."""
        return layer_position(name, self.names)

    def until(self, name: str) -> "Chain":
        """The first part of the chain, up to and including the layer `name`."""
        return self._part(self.names[: self.position(name) + 1])

    def after(self, name: str) -> "Chain":
        """The rest of the chain, from the layer that follows `name`."""
        return self._part(self.names[self.position(name) + 1 :])

    def then(self, other: "Chain") -> "Chain":
        """This chain followed by `other`.

        Raises LayerError if they share a layer's name or compute in different types.
        """
        if self.dtype != other.dtype:
            raise LayerError(f"A chain in {self.dtype} can't be joined with one in {other.dtype}.")
        if shared := set(self.names) & set(other.names):
            raise LayerError(f"Both chains have a layer called {', '.join(sorted(shared))}.")
        return self.made_of({name: chain[name] for chain in (self, other) for name in chain.names})

    def made_of(self, layers: Mapping[str, nnx.Module]) -> "Chain":
        """A chain of other `layers` that computes as this one does, in the same type."""
        return type(self)(layers)

    @property
    def image_size(self) -> int:
        """The side of the images that it takes, in pixels; LayerError for what takes features."""
        size = getattr(getattr(self, self.names[0]), "image_size", None) if self.names else None
        if size is None:
            raise LayerError("Only a chain from the first layer on takes images of one size.")
        return size

    def activations(self, x: ArrayLike, names: Collection[str]) -> dict[str, jax.Array]:
        """The outputs of the layers `names`, from one pass that ends at the last of them.

        Raises LayerError if one of them isn't in the chain.
        """
        outputs: dict[str, jax.Array] = {}
        done, x = 0, jax.numpy.asarray(x)
        for name in sorted(set(names), key=self.position):
            end = self.position(name) + 1
            x = outputs[name] = self._part(self.names[done:end])(x)
            done = end
        return outputs

    def _part(self, names: tuple[str, ...]) -> "Chain":
        return self.made_of({name: getattr(self, name) for name in names})


def parameters(chain: Chain) -> Parameters:
    """The chain's parameters as a plain tree, `{layer: {"kernel": array, "bias": array}}`."""
    return nnx.to_pure_dict(nnx.state(chain, nnx.Param))


def with_parameters(chain: Chain, tree: Parameters) -> Chain:
    """A chain of the same layers with other parameters, of the same shapes."""
    return nnx.merge(nnx.graphdef(chain), tree)


def count_parameters(chain: Chain) -> int:
    """How many numbers the chain's parameters are."""
    return sum(leaf.size for leaf in jax.tree.leaves(parameters(chain)))


def output_shape(chain: Chain, input_shape: tuple[int, ...], dtype: Any = np.float32) -> Any:
    """Shape of one example's output, given one example's input shape; nothing is computed.

    Raises LayerError as `layer_shapes` does.
    """
    shapes = layer_shapes(chain, input_shape, dtype)
    return shapes[chain.names[-1]] if shapes else input_shape


def layer_shapes(
    chain: Chain, input_shape: tuple[int, ...], dtype: Any = np.float32
) -> dict[str, tuple[int, ...]]:
    """The shape of one example's output at each layer, `{layer: shape}`; nothing is computed.

    Raises LayerError, with the shapes, at a layer that can't take what comes to it.

    >>> import vggjax
    >>> layer_shapes(vggjax.softmax_head((7, 7, 512), classes=3), (7, 7, 512))
    {'head_flatten': (25088,), 'head': (3,)}
    """
    shapes: dict[str, tuple[int, ...]] = {}
    x = jax.ShapeDtypeStruct((1, *input_shape), jax.dtypes.canonicalize_dtype(dtype))
    for name in chain.names:
        try:
            x = jax.eval_shape(chain._part((name,)).__call__, x)
        except (TypeError, ValueError) as error:
            raise LayerError(
                f"The layer '{name}'{_own_shapes(chain, name)} can't take {x.shape[1:]}, "
                f"which it gets from inputs of the shape {tuple(input_shape)}."
            ) from error
        shapes[name] = x.shape[1:]
    return shapes


def _own_shapes(chain: Chain, name: str) -> str:
    """The shapes of a layer's parameters in words, "" if it has none."""
    roles = parameters(chain._part((name,))).get(name, {})
    shapes = ", ".join(f"{role} {array.shape}" for role, array in roles.items())
    return f" ({shapes})" if shapes else ""
