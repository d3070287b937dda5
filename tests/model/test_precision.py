import jax
import jax.numpy as jnp
import numpy as np

from vggjax.model import in_precision, optimize_inference, parameters


def test_bfloat16_is_close_and_gives_float32(small_vgg, small_images):
    narrow = in_precision(small_vgg, jnp.bfloat16)
    outputs, expected = (
        np.asarray(jax.jit(lambda x, c=c: c(x))(small_images)) for c in (narrow, small_vgg)
    )
    assert outputs.dtype == np.float32
    error = np.linalg.norm(outputs - expected) / np.linalg.norm(expected)
    assert 1e-5 < error < 3e-2, "other numbers, but near"


def test_parameters_and_cuts_are_narrow_and_the_chain_stays(small_vgg):
    narrow = in_precision(small_vgg, jnp.bfloat16)
    for chain, dtype in ((narrow, "bfloat16"), (small_vgg, "float32")):
        assert {leaf.dtype for leaf in jax.tree.leaves(parameters(chain))} == {jnp.dtype(dtype)}
        assert chain.until("fc1").dtype == dtype
    assert optimize_inference(narrow) is narrow


def test_preprocessing_is_exact(small_vgg, small_images):
    narrow = in_precision(small_vgg.until("preprocess"), jnp.bfloat16)
    np.testing.assert_array_equal(narrow(small_images), small_vgg.preprocess(small_images))


def test_layers_after_the_first_see_narrow_activations(small_vgg, small_images):
    program = jax.jit(lambda x: in_precision(small_vgg, jnp.bfloat16)(x)).lower(small_images)
    assert "xbf16>" in program.as_text()
