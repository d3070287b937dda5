"""Heads on several layers: their logits are added."""

import jax.numpy as jnp
import numpy as np
import pytest

from vggjax.errors import LayerError
from vggjax.model import Chain, JointHead, softmax_head
from vggjax.model.layers import Center, Dense, Power, UnitLength


def test_two_linear_heads_are_one_on_features_side_by_side():
    random = np.random.default_rng(0)
    kernels = {name: random.normal(size=(4, 3)).astype(np.float32) for name in ("fc1", "fc2")}
    rows = {name: random.normal(size=(5, 4)).astype(np.float32) for name in kernels}
    ones = jnp.ones(3, jnp.float32)
    heads = {n: Chain({"head": Dense(jnp.asarray(k), ones)}) for n, k in kernels.items()}
    beside = np.hstack(list(rows.values())) @ np.vstack(list(kernels.values())) + 2
    np.testing.assert_allclose(JointHead(heads)(rows), beside, rtol=1e-5, atol=1e-6)


def test_what_is_not_there_is_named():
    with pytest.raises(LayerError, match="needs a layer"):
        JointHead({})
    with pytest.raises(LayerError, match="no head on 'fc1'; there is on fc2"):
        JointHead({"fc2": softmax_head((4,), 2)})["fc1"]


def test_power_center_and_length():
    x = jnp.array([[9.0, 16.0], [-1.0, 0.0]])
    assert Power(0.5)(x).tolist() == [[3, 4], [0, 0]]
    assert Center(jnp.array([1.0, 2.0]))(x).tolist() == [[8, 14], [-2, -2]]
    np.testing.assert_allclose(UnitLength()(x), [[9 / 337**0.5, 16 / 337**0.5], [-1, 0]], rtol=1e-6)
    assert UnitLength()(jnp.zeros((1, 2))).tolist() == [[0, 0]]
    with pytest.raises(LayerError, match="exponent"):
        Power(0)
