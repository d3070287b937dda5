"""Several devices give what one gives. The tests run with two, and start a program with four."""

import json

import jax
import numpy as np
import optax
import pytest
from jax.sharding import SingleDeviceSharding

from vggjax.features import Examples, compute, extract, forward
from vggjax.features.devices import data_mesh, device_batches
from vggjax.model import VGGConfig, parameters, softmax_head
from vggjax.training import FitConfig, evaluate, fit, fitting
from vggjax.weights import load_vgg


@pytest.fixture
def one_device(monkeypatch):
    """Call this to go on with a single device."""

    def go_on():
        monkeypatch.setattr(fitting, "data_mesh", lambda: None)
        monkeypatch.setattr(forward, "data_mesh", lambda devices: None)

    return go_on


def losses(history):
    return [[epoch.train.loss, epoch.validation.loss] for epoch in history]


def test_a_mesh_needs_two_devices():
    assert jax.device_count() == 2
    assert data_mesh().devices.tolist() == jax.devices()
    assert data_mesh(jax.devices()[:1]) is None


@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize("size", [16, 15, 1])
def test_every_example_is_used_once_and_padding_weighs_nothing(size, devices):
    order = np.random.default_rng(0).permutation(40)
    mesh = data_mesh(jax.devices()[:devices])
    seen = list(device_batches(Examples(np.arange(40), np.arange(40)), size, order, mesh))
    used = [i for b in seen for i, weight in zip(b.inputs, b.weights, strict=True) if weight]
    assert np.array_equal(used, order)
    left = range(40, 0, -size)  # as many steps on all devices as on one
    assert [int(batch.weights.sum()) for batch in seen] == [min(size, n) for n in left]
    for batch in seen:
        assert batch.inputs.shape == (-(-size // devices) * devices,)
        if mesh:
            parts = {shard.device: len(shard.data) for shard in batch.inputs.addressable_shards}
            assert parts == dict.fromkeys(jax.devices(), -(-size // 2))


@pytest.mark.parametrize("size", [16, 7])
def test_features_are_those_of_one_device(backbone, images, tmp_path, one_device, size):
    two = np.asarray(extract(backbone, images, batch_size=size, cache=tmp_path / "two"))
    predicted = compute(backbone, images, size)
    one_device()
    one = np.asarray(extract(backbone, images, batch_size=size, cache=tmp_path / "one"))
    # By the scale of the sums: where they cancel, other batch shapes round otherwise.
    np.testing.assert_allclose(two, one, rtol=0, atol=1e-6 * one.max())
    np.testing.assert_array_equal(two, predicted)


@pytest.mark.parametrize("size", [16, 15])
@pytest.mark.parametrize("trained", [["head"], None])
def test_training_is_that_of_one_device(full, images, labels, one_device, size, trained):
    # Of all layers by SGD: RMSprop's first steps are the gradients' signs, also of tiny ones.
    optimizer = None if trained else optax.sgd(1e-3)
    how = {"trained": trained, "optimizer": optimizer}
    examples, config = Examples(images, labels), FitConfig(epochs=3, batch_size=size)
    two = fit(full, examples, examples, config, **how)
    leaves = jax.tree.leaves(parameters(two.chain))
    assert {leaf.sharding for leaf in leaves} == {SingleDeviceSharding(jax.devices()[0])}
    reached = evaluate(two.chain, examples)
    one_device()
    one = fit(full, examples, examples, config, **how)
    np.testing.assert_allclose(losses(two.history), losses(one.history), rtol=1e-5)
    assert reached.loss == pytest.approx(two.history[-1].validation.loss, rel=1e-6)


CONFIG = VGGConfig(widths=(4, 6, 8, 8, 64), hidden=16, classes=5, image_size=32)


def trained_losses():
    """A few steps of training from the images on, with one layer wide enough for fast kernels."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (22, 32, 32, 3), dtype=np.uint8)
    examples = Examples(images, np.arange(22) % 5)
    backbone = load_vgg("random", until="fc2", config=CONFIG)
    chain = backbone.then(softmax_head((16,), 5, start="glorot"))
    trained = ["block5_conv3", "head"]
    config = FitConfig(epochs=2, batch_size=10)
    return losses(fit(chain, examples, examples, config, trained=trained).history)


@pytest.mark.slow
def test_four_devices_give_the_same(one_device, run_programs):
    code = (
        "import json, jax, test_devices\n"
        "print(json.dumps([jax.device_count(), test_devices.trained_losses()]))"
    )
    (printed,) = run_programs(code, xla_flags="--xla_force_host_platform_device_count=4")
    count, four = json.loads(printed)
    assert count == 4
    one_device()
    np.testing.assert_allclose(four, trained_losses(), rtol=1e-5)
