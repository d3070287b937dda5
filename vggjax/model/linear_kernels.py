"""Kernels that are linear in each argument, as JAX primitives of their own.

A primitive has rules for tangents and for transposes, which forward- and reverse-mode
differentiation, in any order, are made of. `jax.custom_vjp` would choose the form of the gradient
as well, but knows no tangents.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

Kernel = Callable[..., jax.Array]


def linear_kernel(
    name: str,
    form: Kernel,
    tangents: tuple[Kernel | None, ...],
    transposes: tuple[Kernel, ...],
    fewer_rows: int = 0,
) -> Kernel:
    """The function `form` of (B, H, W, in) and weights (…, in, out) → (B, H, W, out), with rules.

    Its output has `fewer_rows` rows less.

    Each argument has one of `tangents`, (tangent, *arguments) → that of the output, or None where
    it has none, and the first ones have one of `transposes`: (gradient of the output, *arguments) →
    that of the argument, which is given as its shape alone.
    """
    primitive = Primitive(name)

    def shape(x: Any, *weights: Any) -> Any:
        if (x.shape[-1], x.dtype) != (weights[0].shape[-2], weights[0].dtype):
            raise TypeError(f"{name} can't take {x} with weights {weights[0]}.")
        rows = x.shape[1] - fewer_rows
        shape = x.shape[0], rows, *x.shape[2:-1], weights[0].shape[-1]
        return x.update(shape=shape, weak_type=False)

    def transposed(dy: Any, *arguments: Any) -> list[Any]:
        unknown = [*map(ad.is_undefined_primal, arguments)]
        given = [
            jax.ShapeDtypeStruct(each.aval.shape, each.aval.dtype) if lacks else each
            for each, lacks in zip(arguments, unknown, strict=True)
        ]
        (place,) = (place for place, lacks in enumerate(unknown) if lacks)
        found: list[Any] = [None] * len(arguments)
        found[place] = dy if type(dy) is ad.Zero else transposes[place](dy, *given)
        return found

    def batched(arguments: Any, axes: Any) -> tuple[jax.Array, int]:
        x, *weights = arguments
        if any(axis is not None for axis in axes[1:]):
            return jax.vmap(form, axes)(*arguments), 0
        x = jax.numpy.moveaxis(x, axes[0], 0)
        y = primitive.bind(x.reshape(-1, *x.shape[2:]), *weights)
        return y.reshape(*x.shape[:2], *y.shape[1:]), 0

    primitive.def_impl(jax.jit(primitive.bind))
    primitive.def_abstract_eval(shape)
    mlir.register_lowering(primitive, mlir.lower_fun(form, multiple_results=False))
    ad.defjvp(primitive, *tangents)
    ad.primitive_transposes[primitive] = transposed
    batching.primitive_batchers[primitive] = batched
    return primitive.bind
