"""Several devices give what one gives. The tests run with two, and start a program with four."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import jax
import numpy as np
import optax
import pytest
from flax import nnx

from vggjax.model import VGGConfig, parameters, softmax_head
from vggjax.transfer import Examples, FitConfig, evaluate, extract, fit, predict
from vggjax.transfer.devices import data_mesh, device_batches, replicated
from vggjax.transfer.optimizer import layer_labels, partition, rmsprop
from vggjax.transfer.step import TrainState, evaluation_step, train_step
from vggjax.weights import load_vgg16


@pytest.fixture
def one_device(monkeypatch):
    """Call this to go on with a single device."""

    def go_on():
        uses = (("training", "data_mesh"), ("training", "local_mesh"), ("features", "local_mesh"))
        for room, name in uses:
            monkeypatch.setattr(import_module(f"vggjax.transfer.{room}"), name, lambda: None)

    return go_on


@pytest.fixture
def full(small_vgg):
    return small_vgg.until("fc2").then(softmax_head((16,), 5))


def losses(history):
    return [[epoch.train.loss, epoch.validation.loss] for epoch in history]


def test_a_mesh_needs_two_devices():
    assert jax.device_count() == 2
    assert data_mesh().devices.tolist() == jax.devices()
    assert data_mesh(jax.devices()[:1]) is None


@pytest.mark.parametrize("size", [16, 15, 1])
def test_batches_are_split_and_every_example_is_used_once(size):
    examples = Examples(np.arange(40), np.arange(40))
    order = np.random.default_rng(0).permutation(40)
    seen = list(device_batches(examples, size, order, data_mesh()))
    assert len(seen) == -(-40 // size), "as many steps as on one device"
    used = [i for b in seen for i, weight in zip(b.inputs, b.weights, strict=True) if weight]
    assert np.array_equal(used, order)
    for batch in seen:
        parts = {shard.device: len(shard.data) for shard in batch.inputs.addressable_shards}
        assert parts == dict.fromkeys(jax.devices(), -(-size // 2))


@pytest.mark.parametrize("size", [16, 7])
def test_features_are_those_of_one_device(full, images, tmp_path, one_device, size):
    backbone = full.until("fc2")
    two = np.asarray(extract(backbone, images, batch_size=size, cache=tmp_path / "two"))
    predicted = predict(backbone, images, size)
    one_device()
    one = np.asarray(extract(backbone, images, batch_size=size, cache=tmp_path / "one"))
    np.testing.assert_allclose(two, one, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(two, predicted)


@pytest.mark.parametrize("size", [16, 15])
@pytest.mark.parametrize("trained", [["head"], None])
def test_training_is_that_of_one_device(full, images, labels, one_device, size, trained):
    # Of all layers by SGD: RMSprop's first steps are the gradients' signs, also of tiny ones.
    optimizer = None if trained else optax.sgd(1e-3)
    how = {"trained": trained, "optimizer": optimizer}
    examples, config = Examples(images, labels), FitConfig(epochs=3, batch_size=size)
    two = fit(full, examples, examples, config, **how)
    reached = evaluate(two.chain, examples)
    one_device()
    one = fit(full, examples, examples, config, **how)
    np.testing.assert_allclose(losses(two.history), losses(one.history), rtol=1e-5)
    assert reached.loss == pytest.approx(two.history[-1].validation.loss, rel=1e-6)


def test_a_trained_chain_is_on_one_device_again(full, images, labels):
    trained = fit(full, Examples(images, labels), config=FitConfig(epochs=1)).chain
    assert {leaf.sharding.device_set == {jax.devices()[0]} for leaf in leaves(trained)} == {True}


def leaves(chain):
    return jax.tree.leaves(parameters(chain))


def test_a_frozen_step_still_costs_a_forward_pass_and_stays_replicated(full, images, labels):
    mesh = data_mesh()
    batch = next(device_batches(Examples(images, labels), 32, None, mesh))
    graph, tree = nnx.graphdef(full), replicated(parameters(full), mesh)
    optimizer = partition(rmsprop(1e-3), layer_labels(full, ["head"]))
    state = replicated(TrainState(tree, optimizer.init(tree)), mesh)
    step = train_step.lower(graph, optimizer, state, batch, mesh).compile()
    forward = evaluation_step.lower(graph, tree, batch, mesh).compile()
    assert step.cost_analysis()["flops"] < 1.1 * forward.cost_analysis()["flops"]
    assert all(s.is_fully_replicated for s in jax.tree.leaves(step.output_shardings))


CONFIG = VGGConfig(widths=(4, 6, 8, 8, 64), hidden=16, classes=5, image_size=32)


def trained_losses():
    """A few steps of training from the images on, with one layer wide enough for fast kernels."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (22, 32, 32, 3), dtype=np.uint8)
    examples = Examples(images, np.arange(22) % 5)
    backbone = load_vgg16("random", until="fc2", config=CONFIG)
    chain = backbone.then(softmax_head((16,), 5))
    trained = ["block5_conv3", "head"]
    config = FitConfig(epochs=2, batch_size=10)
    return losses(fit(chain, examples, examples, config, trained=trained).history)


def test_four_devices_give_the_same(one_device):
    here = Path(__file__).parent
    changed = {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
        "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[1])]),
    }
    code = (
        "import json, jax, test_devices\n"
        "print(json.dumps([jax.device_count(), test_devices.trained_losses()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **changed},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    count, four = json.loads(done.stdout)
    assert count == 4
    one_device()
    np.testing.assert_allclose(four, trained_losses(), rtol=1e-5)
