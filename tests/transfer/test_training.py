import jax
import numpy as np
import optax
import pytest
from flax import nnx

from vggjax.errors import DataError, LayerError
from vggjax.model import count_parameters, parameters, softmax_head, with_parameters
from vggjax.transfer import Examples, FitConfig, evaluate, extract, fit, predict, rmsprop
from vggjax.transfer.examples import Batch, batches
from vggjax.transfer.optimizer import layer_labels, partition
from vggjax.transfer.step import TrainState, evaluation_step, train_step
from vggjax.transfer.training import Epoch, Metrics, _best_epoch


@pytest.fixture
def backbone(small_vgg):
    return small_vgg.until("fc2")


@pytest.fixture
def full(backbone):
    return backbone.then(softmax_head((16,), 5))


def same(a, b):
    return jax.tree.all(jax.tree.map(lambda x, y: np.array_equal(x, y), a, b))


def test_frozen_parameters_are_bit_identical_after_training(full, images, labels):
    tree = parameters(full)
    tree["fc1"]["bias"] = tree["fc1"]["bias"].at[0].set(-0.0)  # adding zero would lose its sign
    full = with_parameters(full, tree)
    before = jax.tree.map(lambda leaf: np.array(leaf).tobytes(), parameters(full))
    result = fit(full, Examples(images, labels), config=FitConfig(epochs=3), trained=["head"])
    after = jax.tree.map(lambda leaf: np.array(leaf).tobytes(), parameters(result.chain))
    assert before.pop("head") != after.pop("head")
    assert before == after


def test_fitting_leaves_the_chain_as_it_was(full, images, labels):
    before = jax.tree.map(np.array, parameters(full))
    fit(full, Examples(images, labels), config=FitConfig(epochs=1))
    assert same(before, parameters(full))


def test_optimizer_state_exists_for_the_head_only(full):
    labels = layer_labels(full, ["head"])
    state = partition(rmsprop(1e-3), labels).init(parameters(full))
    sizes = sum(leaf.size for leaf in jax.tree.leaves(state) if hasattr(leaf, "size"))
    assert sizes == count_parameters(full.after("fc2"))


def test_a_frozen_step_costs_about_a_forward_pass(full, small_images):
    """The point of the partition: XLA drops the frozen layers' backward pass."""
    batch = Batch(small_images, np.zeros(6, np.int32), np.ones(6, np.float32))
    graph, tree = nnx.graphdef(full), parameters(full)

    def flops(trained):
        optimizer = partition(rmsprop(1e-3), layer_labels(full, trained))
        state = TrainState(tree, optimizer.init(tree))
        compiled = train_step.lower(graph, optimizer, state, batch).compile()
        return compiled.cost_analysis()["flops"]

    forward = evaluation_step.lower(graph, tree, batch).compile().cost_analysis()["flops"]
    assert flops(["head"]) < 1.1 * forward
    assert flops(list(tree)) > 2 * forward


def test_cached_and_end_to_end_training_give_the_same_losses(
    backbone, full, images, labels, tmp_path
):
    config = FitConfig(epochs=6, batch_size=16)
    features = Examples(extract(backbone, images, cache=tmp_path), labels)
    cached = fit(full.after("fc2"), features, features, config)
    pixels = Examples(images, labels)
    whole = fit(full, pixels, pixels, config, trained=["head"])
    for a, b in zip(cached.history, whole.history, strict=True):
        np.testing.assert_allclose(a.train.loss, b.train.loss, rtol=1e-5)
        np.testing.assert_allclose(a.validation.loss, b.validation.loss, rtol=1e-5)
        assert a.train.accuracy == b.train.accuracy


def test_training_learns(full, images, labels):
    examples = Examples(images, labels)
    result = fit(full, examples, config=FitConfig(epochs=30, learning_rate=3e-3))
    assert result.history[-1].train.loss < 0.5 * result.history[0].train.loss
    assert evaluate(result.chain, examples).accuracy > 0.6  # chance is 0.2


def test_the_same_seed_gives_the_same_training(full, images, labels):
    examples = Examples(images, labels)
    a, b, c = (fit(full, examples, config=FitConfig(epochs=2, seed=s)).history for s in (0, 0, 1))
    assert a == b
    assert a != c


def test_early_stopping_keeps_the_best_epoch(full, images, labels):
    train = Examples(images.pixels[:20], labels[:20])
    held_out = Examples(images.pixels[20:], np.roll(labels[20:], 1))  # hopeless, so it gets worse
    config = FitConfig(epochs=40, patience=3, learning_rate=1e-2)
    result = fit(full, train, held_out, config)
    losses = [epoch.validation.loss for epoch in result.history]
    assert len(losses) < 40
    assert result.kept_epoch == np.argmin(losses) + 1 == len(losses) - 3
    kept = evaluate(result.chain, held_out)
    np.testing.assert_allclose(kept.loss, min(losses), rtol=1e-6)


@pytest.mark.parametrize(
    ("losses", "min_delta", "best"),
    [([3, 2, 1], 0, 3), ([3, 2, 2], 0, 2), ([3, 2.95, 2.5], 0.1, 3), ([3, 2.95, 2.91], 0.1, 1)],
)
def test_an_epoch_is_better_only_by_more_than_min_delta(losses, min_delta, best):
    nothing = Metrics(0, 0)
    history = [Epoch(n, nothing, Metrics(loss, 0)) for n, loss in enumerate(losses, start=1)]
    assert _best_epoch(history, min_delta) == best


def test_every_example_is_used_once_and_padding_weighs_nothing():
    examples = Examples(np.arange(10), np.arange(10))
    order = np.random.default_rng(0).permutation(10)
    seen = list(batches(examples, 4, order))
    assert all(batch.inputs.shape == (4,) for batch in seen)
    used = [i for b in seen for i, weight in zip(b.inputs, b.weights, strict=True) if weight]
    assert used == order.tolist()
    assert [batch.weights.sum() for batch in seen] == [4, 4, 2]


def test_a_partial_batch_trains_like_a_batch_of_its_size(full, small_images):
    labels = np.arange(5, dtype=np.int32)
    examples = Examples(small_images[:5], labels)
    exact, padded = (
        fit(full, examples, config=FitConfig(epochs=2, batch_size=size)).history for size in (5, 8)
    )
    for a, b in zip(exact, padded, strict=True):
        np.testing.assert_allclose(a.train.loss, b.train.loss, rtol=1e-5)


def test_evaluation_counts_each_example_once(full, images, labels):
    logits = np.asarray(full(images.pixels), np.float64)
    losses = np.log(np.exp(logits).sum(-1)) - logits[np.arange(70), labels]
    metrics = evaluate(full, Examples(images, labels), batch_size=32)
    np.testing.assert_allclose(metrics.loss, losses.mean(), rtol=1e-5)
    assert metrics.accuracy == pytest.approx((logits.argmax(-1) == labels).mean())
    np.testing.assert_allclose(predict(full, images.pixels, 32), logits, rtol=1e-5, atol=1e-5)


def test_an_optimizer_of_one_s_own_sees_only_the_trained_layers(full, images, labels):
    clipped = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-2))
    examples = Examples(images, labels)
    result = fit(full, examples, config=FitConfig(epochs=1), trained=["head"], optimizer=clipped)
    assert same(parameters(full.until("fc2")), parameters(result.chain.until("fc2")))


@pytest.mark.parametrize("trained", [["fc9"], ["flatten"], []])
def test_a_partition_that_trains_nothing_is_refused(full, images, labels, trained):
    with pytest.raises(LayerError):
        fit(full, Examples(images, labels), trained=trained)


@pytest.mark.parametrize(
    "wrong",
    [{"epochs": 0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"learning_rate": float("nan")},
     {"patience": -1}],
)  # fmt: skip
def test_impossible_recipes_are_refused(wrong):
    with pytest.raises(DataError):
        FitConfig(**wrong)


def test_examples_must_match_their_labels():
    with pytest.raises(DataError, match="3 inputs but 2 labels"):
        Examples(np.zeros(3), np.zeros(2))
    with pytest.raises(DataError, match="no examples"):
        Examples(np.zeros(0), np.zeros(0))


def test_early_stopping_needs_validation(full, images, labels):
    with pytest.raises(DataError, match="validation"):
        fit(full, Examples(images, labels), config=FitConfig(patience=2))


def test_a_loss_that_explodes_is_reported(full, images, labels):
    with pytest.raises(DataError, match="lower learning rate"):
        fit(full, Examples(images, labels), config=FitConfig(epochs=5, learning_rate=1e38))
