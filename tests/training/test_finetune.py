"""The last convolutions trained on with their head: what moves, what is kept, what is refused."""

from dataclasses import replace

import jax
import numpy as np
import optax
import pytest

from vggjax.errors import DataError, LayerError
from vggjax.features import Examples, extract
from vggjax.model import Chain, JointHead, in_precision, parameters, softmax_head
from vggjax.model.heads import dense_head
from vggjax.training import Classifier, FitConfig, cut_before, fine_tune, fit
from vggjax.training.finetune import RECIPE, softening, told
from vggjax.training.optimizer import gentle
from vggjax.weights import load_vgg

CUT = "block4_pool"


@pytest.fixture(scope="module")
def backbone(small_vgg):
    return small_vgg.until("block5_pool")


@pytest.fixture
def parts(backbone, images, labels, tmp_path):
    """40 training and 30 validation examples at the cut, and a head that was trained before it."""
    features = extract(backbone.until(CUT), images, cache=tmp_path / "cache")
    first, last = np.arange(40), np.arange(40, 70)
    cut = [Examples(features.subset(own), labels[own]) for own in (first, last)]
    tail = backbone.after(CUT)
    flat = [Examples(np.asarray(tail(own.inputs[:])), own.labels) for own in cut]
    head = softmax_head((1, 1, 8), 5, start="glorot")
    return *cut, fit(head, *flat, FitConfig(epochs=20, patience=4, learning_rate=1e-2)).chain


def test_the_cut_comes_before_the_block_or_the_layer(backbone):
    for unfreeze, first, last in (
        ("block5", CUT, "block5_conv1"),
        ("block4", "block3_pool", "block4_conv1"),
        ("block5_conv3", "block5_conv2", "block5_conv3"),
        ("block1", "preprocess", "block1_conv1"),
    ):
        frozen, tail = cut_before(backbone, unfreeze)
        assert (frozen.names[-1], tail.names[0]) == (first, last)
        assert frozen.names + tail.names == backbone.names


@pytest.mark.parametrize(
    ("until", "unfreeze", "message"),
    [
        (CUT, "block5", "no 'block5' to train before the head: it goes from preprocess to block4"),
        ("block5_pool", "block6", "no 'block6'"),
        ("block5_pool", "block", "no 'block'"),
        ("block5_pool", "block5_pool", "has parameters from 'block5_pool' on"),
        ("block5_pool", "preprocess", "Nothing of the network comes before 'preprocess'"),
    ],
)
def test_what_cannot_be_unfrozen_is_named(backbone, until, unfreeze, message):
    with pytest.raises(LayerError, match=message):
        cut_before(backbone.until(until), unfreeze)


def test_convolutions_and_head_learn_and_validation_gets_better(backbone, parts):
    train, validation, head = parts
    before = jax.tree.map(np.array, parameters(backbone))
    tuned = fine_tune(
        backbone, head, train, validation, config=replace(RECIPE, epochs=12, learning_rate=3e-3)
    )
    assert tuned.layer == CUT
    assert tuned.chain.names == (*backbone.after(CUT).names, *head.names)
    assert tuned.kept_epoch > 0
    assert tuned.after.loss < 0.97 * tuned.before.loss
    jax.tree.map(np.testing.assert_array_equal, before, parameters(backbone))
    after = parameters(tuned.chain)
    for name in ("block5_conv1", "block5_conv2", "block5_conv3"):
        assert not np.array_equal(after[name]["kernel"], before[name]["kernel"])


def test_the_losses_are_of_the_chain_that_comes_out(backbone, parts):
    train, validation, head = parts
    tuned = fine_tune(backbone, head, train, validation)
    logits = np.asarray(tuned.chain(validation.inputs[:]), np.float64)
    own = optax.softmax_cross_entropy_with_integer_labels(logits, validation.labels)
    assert tuned.after.loss == pytest.approx(float(own.mean()), rel=1e-4)
    kept = tuned.history[tuned.kept_epoch - 1].validation
    assert (tuned.after, tuned.after.loss) == (kept, min(e.validation.loss for e in tuned.history))


def test_it_never_ends_worse_than_it_began(backbone, parts):
    train, validation, head = parts
    wild = replace(RECIPE, epochs=2, learning_rate=3.0)
    tuned = fine_tune(backbone, head, train, validation, config=wild)
    assert (tuned.kept_epoch, tuned.after) == (0, tuned.before)
    assert len(tuned.history) == 2
    start = backbone.after(CUT).then(head)(validation.inputs[:])
    end = tuned.chain(validation.inputs[:])
    np.testing.assert_array_equal(end.argmax(-1), start.argmax(-1))
    ratio = np.asarray(end) / np.asarray(start)
    np.testing.assert_allclose(ratio, ratio.mean(), rtol=1e-4)


def test_a_classifier_keeps_what_was_tuned(
    parts, small_weights, small_images, tmp_path, small_vgg, backbone
):
    train, validation, head = parts
    tuned = fine_tune(backbone, head, train, validation, unfreeze="block5")
    names = ("a", "b", "c", "d", "e")
    classifier = Classifier(small_vgg.until(CUT), tuned.chain, names, weights=str(small_weights))
    classifier.save(tmp_path / "saved")
    loaded = Classifier.load(tmp_path / "saved")
    assert loaded.head.names == tuned.chain.names
    jax.tree.map(np.testing.assert_array_equal, parameters(loaded.head), parameters(tuned.chain))
    np.testing.assert_array_equal(
        loaded.probabilities(small_images), classifier.probabilities(small_images)
    )
    untuned = Classifier(load_vgg(str(small_weights), until="block5_pool"), head, names)
    rows = untuned.probabilities(small_images) - loaded.probabilities(small_images)
    assert np.abs(rows).max() > 1e-3


def test_it_goes_on_where_it_was_interrupted(backbone, parts, tmp_path, monkeypatch):
    monkeypatch.setattr("vggjax.training.resume.SECONDS_BETWEEN", 0)
    train, validation, head = parts

    def cut(epoch):
        if epoch.number == 2:
            raise KeyboardInterrupt

    undisturbed = fine_tune(backbone, head, train, validation)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(backbone, head, train, validation, checkpoint=tmp_path / "run", on_epoch=cut)
    assert (tmp_path / "run").exists()
    resumed = fine_tune(backbone, head, train, validation, checkpoint=tmp_path / "run")
    assert resumed.history == undisturbed.history
    trees = (parameters(each.chain) for each in (resumed, undisturbed))
    jax.tree.map(np.testing.assert_array_equal, *trees)


def relu_head():
    layer = dense_head(8, 5)["head"]
    layer.relu = True
    return softmax_head((1, 1, 8), 5).until("head_flatten").then(Chain({"head": layer}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head": JointHead({"fc2": softmax_head((16,), 5)})}, "one layer, not on several"),
        ({"head": relu_head()}, "ends in a dense layer without ReLU"),
        ({"head": Chain({})}, "ends in a dense layer"),
        ({"head": softmax_head((2, 2, 8), 5)}, r"'head' .*kernel \(32, 5\)\) can't take \(8,\)"),
        ({"unfreeze": "block3"}, r"'block3_conv1' .* can't take \(2, 2, 8\)"),
    ],
)
def test_heads_and_inputs_that_do_not_fit_are_named(backbone, parts, change, message):
    train, validation, head = parts
    given = {"head": head, "train": train, "validation": validation, **change}
    with pytest.raises(LayerError, match=message):
        fine_tune(backbone, **given)


def test_only_float32_and_with_validation(backbone, parts):
    train, validation, head = parts
    with pytest.raises(LayerError, match="in float32"):
        fine_tune(in_precision(backbone, "bfloat16"), head, train, validation)
    with pytest.raises(DataError, match="needs validation examples"):
        fine_tune(backbone, head, train, None)


def test_a_head_that_is_sure_is_softened_to_a_given_loss():
    """Of logits (a, 0), the loss is log(1 + exp(−a / T)): by hand, T = −a / log(exp(loss) − 1)."""
    logits, labels = np.tile([[8.0, 0.0]], (6, 1)), np.zeros(6, int)
    expected = -8 / np.log(np.exp(0.3) - 1)
    assert softening(logits, labels, 0.3, 1.0) == pytest.approx(expected, rel=1e-6)
    assert softening(logits, labels, 0.3, 50.0) == 50, "it is uncertain enough"
    assert softening(-logits, labels, 0.3, 1.0) == 1, "it is wrong at any temperature"


def test_what_is_told_does_not_depend_on_the_scale():
    logits, labels = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 3
    logits[np.arange(40), labels] += 1
    (a, one), (b, two) = told(logits, labels), told(100 * logits, labels)
    assert b.loss == pytest.approx(a.loss, rel=1e-4)
    assert (a.accuracy, two) == (b.accuracy, pytest.approx(100 * one, rel=1e-3))
    assert a.accuracy == (logits.argmax(1) == labels).mean()


def test_a_gentle_step_is_a_share_of_an_array_s_length():
    rng = np.random.default_rng(0)
    start, first, second = (rng.normal(size=(5, 4)).astype(np.float32) for _ in range(3))
    optimizer, expected, speed = gentle(0.01), start, 0
    state, found = optimizer.init(start), start
    for gradient in (first * 1e-12, second * 1e6):
        updates, state = optimizer.update(gradient, state, found)
        found = optax.apply_updates(found, updates)
        length = np.linalg.norm(expected) / np.linalg.norm(gradient)
        speed = 0.9 * speed - 0.01 * length * gradient
        expected = expected + speed
    np.testing.assert_allclose(found, expected, rtol=1e-5)
