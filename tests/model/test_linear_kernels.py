"""Derivatives of the kernels in both directions, and of chains, against XLA's own convolution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vggjax.model import (
    VGGConfig,
    build_vgg,
    kernels,
    optimize_inference,
    parameters,
    with_parameters,
)

WIDE = VGGConfig(widths=(64, 72), depths=(1, 2), hidden=16, classes=5, image_size=20)
FORMS = [kernels.winograd_convolution, kernels.direct_convolution]


def drawn(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def by_xla(x, kernel):
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=layout)


def assert_close(found, expected, limit=1e-5):
    for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert ours.shape == theirs.shape
        assert float(jnp.abs(ours - theirs).max()) <= limit * float(jnp.abs(theirs).max())


X, KERNEL = drawn(2, 5, 6, 3), drawn(3, 3, 3, 4, seed=1)
DX, DKERNEL = drawn(2, 5, 6, 3, seed=2), drawn(3, 3, 3, 4, seed=3)


def energy(form):
    return lambda x, kernel: (jnp.sin(form(x, kernel)) ** 2).sum()


DERIVATIVES = {
    "jvp of both": lambda form: jax.jvp(form, (X, KERNEL), (DX, DKERNEL)),
    "jvp of the input": lambda form: jax.jvp(lambda x: form(x, KERNEL), (X,), (DX,)),
    "jvp of the kernel": lambda form: jax.jvp(lambda k: form(X, k), (KERNEL,), (DKERNEL,)),
    "linearize": lambda form: jax.linearize(form, X, KERNEL)[1](DX, DKERNEL),
    "jacfwd": lambda form: jax.jacfwd(energy(form), (0, 1))(X, KERNEL),
    "jacrev": lambda form: jax.jacrev(form, (0, 1))(X[:1], KERNEL),
    "forward over reverse": lambda form: jax.jvp(
        jax.grad(energy(form), (0, 1)), (X, KERNEL), (DX, DKERNEL)
    ),
    "reverse over reverse": lambda form: jax.grad(
        lambda x, k: (jax.grad(energy(form), 1)(x, k) * DKERNEL).sum(), (0, 1)
    )(X, KERNEL),
    "reverse over forward": lambda form: jax.grad(
        lambda x: jax.jvp(energy(form), (x, KERNEL), (DX, DKERNEL))[1]
    )(X),
    "a gradient for each image": lambda form: jax.vmap(
        jax.grad(energy(form), (0, 1)), (0, None)
    )(jnp.stack([X, DX], 1), KERNEL),
    "a kernel for each": lambda form: jax.vmap(form, (None, 3), 2)(
        X, jnp.stack([KERNEL, DKERNEL], 3)
    ),
    "remat": lambda form: jax.grad(jax.checkpoint(energy(form)), (0, 1))(X, KERNEL),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS, ids=["winograd", "direct"])
@pytest.mark.parametrize("derivative", DERIVATIVES.values(), ids=DERIVATIVES)
def test_every_derivative_is_that_of_a_convolution(derivative, form):
    both = jax.jit(lambda: (derivative(form), derivative(by_xla)))
    assert_close(*both())


@pytest.mark.parametrize("form", FORMS, ids=["winograd", "direct"])
def test_what_does_not_fit_is_refused_when_it_is_traced(form):
    for x, kernel in ((X, KERNEL[:, :, :2]), (X, KERNEL.astype(jnp.bfloat16))):
        with pytest.raises(TypeError, match=r"convolution can't take .*float32\[2,5,6,3\] with"):
            jax.eval_shape(form, x, kernel)


@pytest.fixture(scope="module")
def chain(random_tree):
    return build_vgg(WIDE, random_tree(WIDE)).until("fc2")


def plain(tree, x):
    """The same network until fc2, written with JAX alone."""
    x = x[..., ::-1] - jnp.asarray([[[[103.939, 116.779, 123.68]]]], jnp.float32)
    for block, depth in ((1, 1), (2, 2)):
        for number in range(1, depth + 1):
            layer = tree[f"block{block}_conv{number}"]
            x = jax.nn.relu(by_xla(x, layer["kernel"]) + layer["bias"].reshape(1, 1, 1, -1))
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    x = x.reshape(len(x), -1)
    for name in ("fc1", "fc2"):
        x = jax.nn.relu(x @ tree[name]["kernel"] + tree[name]["bias"].reshape(1, -1))
    return x


def test_a_chain_has_tangents(chain):
    images = 100 + 30 * drawn(2, 20, 20, 3)
    tree = parameters(chain)
    changes = jax.tree.map(lambda leaf: 0.1 * drawn(*leaf.shape, seed=leaf.size), tree)
    inputs, tangents = (tree, images), (changes, drawn(2, 20, 20, 3, seed=5))
    found = jax.jit(
        lambda *given: jax.jvp(lambda tree, x: with_parameters(chain, tree)(x), *given)
    )(inputs, tangents)
    assert_close(found, jax.jvp(plain, inputs, tangents))


@pytest.mark.parametrize("gradient", [True, False])
def test_so_has_one_that_is_prepared(chain, gradient):
    images, change = 100 + 30 * drawn(2, 20, 20, 3), drawn(2, 20, 20, 3, seed=5)
    prepared = optimize_inference(chain, gradient=gradient)
    expected = jax.jvp(lambda x: plain(parameters(chain), x), (images,), (change,))
    found = jax.jit(lambda x, change: jax.jvp(prepared, (x,), (change,)))(images, change)
    assert_close(found, expected)


@pytest.mark.parametrize("form", FORMS, ids=["winograd", "direct"])
def test_tangents_are_finite_differences(form):
    step, function = 1e-2, jax.jit(energy(form))
    _, tangent = jax.jvp(function, (X, KERNEL), (DX, DKERNEL))
    ends = [function(X + sign * step * DX, KERNEL + sign * step * DKERNEL) for sign in (1, -1)]
    np.testing.assert_allclose(tangent, (ends[0] - ends[1]) / (2 * step), rtol=0.05)
