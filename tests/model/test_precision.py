import jax
import jax.numpy as jnp
import numpy as np

from vggjax.model import freeze, in_precision, parameters


def test_bfloat16_is_close_and_gives_float32(small_vgg, small_images):
    narrow = in_precision(small_vgg, jnp.bfloat16)
    outputs, expected = (
        np.asarray(jax.jit(lambda x, c=c: c(x))(small_images)) for c in (narrow, small_vgg)
    )
    assert outputs.dtype == np.float32
    error = np.linalg.norm(outputs - expected) / np.linalg.norm(expected)
    assert 1e-5 < error < 3e-2, "other numbers, but near"


def test_every_parameter_is_narrow_and_the_chain_stays(small_vgg):
    narrow = in_precision(small_vgg, jnp.bfloat16)
    assert {leaf.dtype for leaf in jax.tree.leaves(parameters(narrow))} == {jnp.dtype("bfloat16")}
    assert {leaf.dtype for leaf in jax.tree.leaves(parameters(small_vgg))} == {jnp.dtype("float32")}


def test_preprocessing_is_exact(small_vgg, small_images):
    narrow = in_precision(small_vgg.until("preprocess"), jnp.bfloat16)
    np.testing.assert_array_equal(narrow(small_images), small_vgg.preprocess(small_images))


def test_cuts_stay_narrow_and_freezing_leaves_it(small_vgg):
    narrow = in_precision(small_vgg, jnp.bfloat16)
    assert narrow.until("fc1").dtype == "bfloat16"
    assert freeze(narrow) is narrow


def test_layers_after_the_first_see_narrow_activations(small_vgg, small_images):
    program = jax.jit(lambda x: in_precision(small_vgg, jnp.bfloat16)(x)).lower(small_images)
    assert "xbf16>" in program.as_text()
