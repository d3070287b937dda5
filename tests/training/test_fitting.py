import sys

import jax
import numpy as np
import optax
import pytest
from flax import nnx

from vggjax.errors import DataError, LayerError
from vggjax.features import Examples, extract
from vggjax.features.devices import data_mesh, device_batches, replicated
from vggjax.model import count_parameters, parameters, softmax_head, with_parameters
from vggjax.training import Epoch, FitConfig, Metrics, evaluate, fit, history, rmsprop
from vggjax.training.history import best_epoch
from vggjax.training.optimizer import layer_labels, partition
from vggjax.training.step import TrainState, evaluation_step, train_step


@pytest.fixture
def examples(images, labels):
    return Examples(images, labels)


def contents(tree):
    """The bytes of each array: equal only for equal bits."""
    return jax.tree.map(lambda leaf: np.array(leaf).tobytes(), tree)


def test_frozen_parameters_are_bit_identical_after_training(full, examples):
    tree = parameters(full)
    tree["fc1"]["bias"] = tree["fc1"]["bias"].at[0].set(-0.0)  # adding zero would lose its sign
    full = with_parameters(full, tree)
    before = contents(parameters(full))
    result = fit(full, examples, config=FitConfig(epochs=3), trained=["head"])
    after = contents(parameters(result.chain))
    assert before == contents(parameters(full)), "the chain itself is left as it was"
    assert before.pop("head") != after.pop("head")
    assert before == after


def test_optimizer_state_exists_for_the_head_only(full):
    labels = layer_labels(full, ["head"])
    state = partition(rmsprop(1e-3), labels).init(parameters(full))
    sizes = sum(leaf.size for leaf in jax.tree.leaves(state) if hasattr(leaf, "size"))
    assert sizes == count_parameters(full.after("fc2"))


@pytest.mark.parametrize("devices", [1, 2])
def test_a_frozen_step_costs_about_a_forward_pass_and_stays_replicated(full, examples, devices):
    """The point of the partition: XLA drops the frozen layers' backward pass."""
    mesh = data_mesh(jax.devices()[:devices])
    batch = next(device_batches(examples, 32, None, mesh))
    graph, tree = nnx.graphdef(full), replicated(parameters(full), mesh)

    def compiled(trained):
        optimizer = partition(rmsprop(1e-3), layer_labels(full, trained))
        state = replicated(TrainState(tree, optimizer.init(tree)), mesh)
        return train_step.lower(graph, optimizer, state, batch, mesh).compile()

    forward = evaluation_step.lower(graph, tree, batch, mesh).compile().cost_analysis()["flops"]
    step = compiled(["head"])
    assert step.cost_analysis()["flops"] < 1.1 * forward
    assert compiled(list(tree)).cost_analysis()["flops"] > 2 * forward
    assert all(s.is_fully_replicated for s in jax.tree.leaves(step.output_shardings))


def test_cached_and_end_to_end_training_give_the_same_losses(
    backbone, full, examples, labels, tmp_path
):
    config = FitConfig(epochs=6, batch_size=16)
    features = Examples(extract(backbone, examples.inputs, cache=tmp_path), labels)
    cached = fit(full.after("fc2"), features, features, config)
    whole = fit(full, examples, examples, config, trained=["head"])
    for a, b in zip(cached.history, whole.history, strict=True):
        np.testing.assert_allclose(a.train.loss, b.train.loss, rtol=1e-5)
        np.testing.assert_allclose(a.validation.loss, b.validation.loss, rtol=1e-5)
        assert a.train.accuracy == b.train.accuracy


def test_training_learns(full, examples):
    result = fit(full, examples, config=FitConfig(epochs=30, learning_rate=3e-3))
    assert result.history[-1].train.loss < 0.5 * result.history[0].train.loss
    assert evaluate(result.chain, examples).accuracy > 0.6  # chance is 0.2


def test_the_same_seed_gives_the_same_training(full, examples):
    a, b, c = (fit(full, examples, config=FitConfig(epochs=2, seed=s)).history for s in (0, 0, 1))
    assert a == b
    assert a != c


def test_early_stopping_keeps_the_best_epoch(full, images, labels):
    train = Examples(images.pixels[:20], labels[:20])
    held_out = Examples(images.pixels[20:], np.roll(labels[20:], 1))  # hopeless, so it gets worse
    config = FitConfig(epochs=40, patience=3, learning_rate=1e-2)
    seen = []
    result = fit(full, train, held_out, config, on_epoch=seen.append)
    assert tuple(seen) == result.history
    losses = [epoch.validation.loss for epoch in result.history]
    assert len(losses) < 40
    assert result.kept_epoch == np.argmin(losses) + 1 == len(losses) - 3
    kept = evaluate(result.chain, held_out)
    np.testing.assert_allclose(kept.loss, min(losses), rtol=1e-6)


@pytest.fixture
def hopeless(images, labels):
    """Training examples, and others whose loss soon rises."""
    train = Examples(images.pixels[:20], labels[:20])
    return train, Examples(images.pixels[20:], np.roll(labels[20:], 1))


def test_early_stopping_can_keep_the_last_epoch(full, hopeless):
    config = FitConfig(epochs=40, patience=3, learning_rate=1e-2, keep="last")
    result = fit(full, *hopeless, config)
    losses = [epoch.validation.loss for epoch in result.history]
    assert result.kept_epoch == len(losses) == np.argmin(losses) + 1 + 3
    assert evaluate(result.chain, hopeless[1]).loss == pytest.approx(losses[-1], rel=1e-6)
    assert losses[-1] > min(losses)


def test_waiting_longer_is_one_epoch_more(full, hopeless):
    config = {"epochs": 40, "patience": 3, "learning_rate": 1e-2}
    usual, longer = (fit(full, *hopeless, FitConfig(**config, wait_longer=w)) for w in (0, 1))
    assert len(longer.history) == len(usual.history) + 1
    assert longer.history[:-1] == usual.history
    assert longer.kept_epoch == usual.kept_epoch


def keras1_stops_after(patience):
    """Epochs without a better loss until Keras 1.x's `EarlyStopping.on_epoch_end` stops."""
    wait = 0
    while wait < patience:
        wait += 1
    return wait + 1


@pytest.mark.parametrize("patience", [0, 1, 3, 6])
def test_when_training_ends(patience):
    usual = FitConfig(patience=patience)
    assert next(n for n in range(10) if usual.ends_after(n)) == max(1, patience)
    longer = FitConfig(patience=patience, wait_longer=True)
    assert next(n for n in range(10) if longer.ends_after(n)) == keras1_stops_after(patience)
    assert not any(FitConfig().ends_after(n) for n in range(10))


class Asked:
    """Inputs that remember which of them were asked for."""

    def __init__(self, rows):
        self.rows, self.seen, self.shape = rows, [], rows.shape

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, indices):
        self.seen += indices.tolist()
        return self.rows[indices]


@pytest.mark.parametrize("in_order", [False, True])
def test_the_first_epoch_can_take_the_examples_as_they_come(in_order):
    inputs = Asked(np.eye(8, 4, dtype=np.float32))
    examples = Examples(inputs, np.arange(8) // 4)
    config = FitConfig(epochs=2, batch_size=4, first_epoch_in_order=in_order)
    fit(softmax_head((4,), 2), examples, config=config)
    first, second = inputs.seen[:8], inputs.seen[8:]
    assert (first == list(range(8))) == in_order
    assert second != sorted(second) == list(range(8))


@pytest.mark.parametrize(
    ("losses", "min_delta", "best"),
    [([3, 2, 1], 0, 3), ([3, 2, 2], 0, 2), ([3, 2.95, 2.5], 0.1, 3), ([3, 2.95, 2.91], 0.1, 1)],
)
def test_an_epoch_is_better_only_by_more_than_min_delta(losses, min_delta, best):
    nothing = Metrics(0, 0)
    history = [Epoch(n, nothing, Metrics(loss, 0)) for n, loss in enumerate(losses, start=1)]
    assert best_epoch(history, min_delta) == best


def test_a_partial_batch_trains_like_a_batch_of_its_size(full, small_images):
    five = Examples(small_images[:5], np.arange(5, dtype=np.int32))
    exact, padded = (
        fit(full, five, config=FitConfig(epochs=2, batch_size=size)).history for size in (5, 8)
    )
    for a, b in zip(exact, padded, strict=True):
        np.testing.assert_allclose(a.train.loss, b.train.loss, rtol=1e-5)


def test_evaluation_counts_each_example_once(full, examples, labels):
    logits = np.asarray(full(examples.inputs.pixels), np.float64)
    losses = np.log(np.exp(logits).sum(-1)) - logits[np.arange(70), labels]
    metrics = evaluate(full, examples, batch_size=32)
    np.testing.assert_allclose(metrics.loss, losses.mean(), rtol=1e-5)
    assert metrics.accuracy == pytest.approx((logits.argmax(-1) == labels).mean())


def test_an_optimizer_of_one_s_own_sees_only_the_trained_layers(full, examples):
    clipped = optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(1e-2, momentum=0.9))
    result = fit(full, examples, config=FitConfig(epochs=1), trained=["head"], optimizer=clipped)
    frozen = [contents(parameters(chain.until("fc2"))) for chain in (full, result.chain)]
    assert frozen[0] == frozen[1]


@pytest.mark.parametrize("trained", [["fc9"], ["flatten"], []])
def test_a_partition_that_trains_nothing_is_refused(full, examples, trained):
    with pytest.raises(LayerError):
        fit(full, examples, trained=trained)


@pytest.mark.parametrize(
    "wrong",
    [{"epochs": 0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"learning_rate": float("nan")},
     {"patience": -1}, {"keep": "first"}],
)  # fmt: skip
def test_impossible_recipes_are_refused(wrong):
    with pytest.raises(DataError):
        FitConfig(**wrong)


def test_examples_must_match_their_labels():
    with pytest.raises(DataError, match="3 inputs but 2 labels"):
        Examples(np.zeros(3), np.zeros(2))
    with pytest.raises(DataError, match="no examples"):
        Examples(np.zeros(0), np.zeros(0))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (FitConfig(patience=2), "needs validation"),
        (FitConfig(epochs=5, learning_rate=1e38), "lower learning rate"),
    ],
)
def test_training_that_cannot_go_on_says_why(full, examples, config, message):
    with pytest.raises(DataError, match=message):
        fit(full, examples, config=config)


@pytest.mark.parametrize(
    ("quiet_seconds", "on_epoch", "shows"),
    [(0, None, True), (60, None, False), (0, lambda epoch: None, False)],
)
def test_a_bar_shows_for_long_trainings_that_nobody_follows(
    monkeypatch, capsys, quiet_seconds, on_epoch, shows
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(history, "QUIET_SECONDS", quiet_seconds)
    examples = Examples(np.eye(4, dtype=np.float32), np.arange(4) % 2)
    fit(softmax_head((4,), 2), examples, config=FitConfig(epochs=2), on_epoch=on_epoch)
    printed = capsys.readouterr().err
    assert ("training: 100%" in printed and "2/2" in printed) == shows == bool(printed)
