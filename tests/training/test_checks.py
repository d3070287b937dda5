"""What training is asked that can't be meant: a sentence says what is wrong."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from vggjax.errors import DataError, LayerError, VggjaxWarning
from vggjax.features import Examples
from vggjax.model import Chain, softmax_head
from vggjax.training import FitConfig, evaluate, fit

LABELS = np.arange(6) % 3
ROWS = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
GOOD = Examples(ROWS, LABELS)
HEAD = softmax_head((4,), 3)
ONE = FitConfig(epochs=1)


class Lazy:
    """Inputs that are only read when they are used."""

    def __init__(self, rows):
        self.rows, self.shape = rows, rows.shape

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, indices):
        return self.rows[indices]


def changed(value):
    rows = ROWS.copy()
    rows[4, 1] = value
    return rows


@pytest.mark.parametrize(
    ("examples", "error", "message"),
    [
        (Examples(ROWS, LABELS + 1), DataError, "label 3, but the chain tells 3 classes apart, 0"),
        (Examples(ROWS[:, :3], LABELS), LayerError, r"'head' .*kernel \(4, 3\)\) can't take \(3,"),
        (Examples(ROWS[:, 0], LABELS), LayerError, r"can't take \(\)"),
        (Examples(ROWS[:, None], LABELS), LayerError, r"gives \(1, 3\) for each .* needs a head"),
        (ROWS, DataError, r"vggjax.Examples\(inputs, labels\), not as ndarray"),
        ((ROWS, LABELS), DataError, "not as tuple"),
    ],
)
def test_examples_that_do_not_fit_the_chain(examples, error, message):
    for use in (
        lambda: fit(HEAD, examples, config=ONE),
        lambda: fit(HEAD, GOOD, examples, ONE),
        lambda: evaluate(HEAD, examples),
    ):
        with pytest.raises(error, match=message):
            use()


def test_validation_must_be_made_like_training(small_vgg):
    chain = small_vgg.until("block5_pool").then(softmax_head((1, 1, 8), 3))
    images = np.zeros((6, 34, 34, 3), np.uint8)  # the same maps in the end
    train, validation = Examples(images, LABELS), Examples(images[:, :32, :32], LABELS)
    with pytest.raises(DataError, match=r"are \(N, 34, 34, 3\), those of .* \(N, 32, 32, 3\)"):
        fit(chain, train, validation, ONE, trained=["head"])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_inputs_that_are_not_finite_are_named_as_the_cause(value):
    bad = Examples(Lazy(changed(value)), LABELS)
    for use in (
        lambda: fit(HEAD, bad, config=ONE),
        lambda: fit(HEAD, GOOD, bad, ONE),
        lambda: evaluate(HEAD, bad),
    ):
        with pytest.raises(DataError, match=r"input number 4, counted from 0, .* not finite"):
            use()


def test_a_validation_loss_must_be_finite():
    far = Examples(np.full((6, 4), 3e38, np.float32), LABELS)
    with pytest.raises(DataError, match="validation loss is no longer finite; try a lower"):
        fit(HEAD, GOOD, far, FitConfig(epochs=3, patience=1, learning_rate=1.0))


def test_a_loss_must_be_one_number_for_each_example():
    def mean(logits, labels):
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    with pytest.raises(DataError, match=r"one number for each example, \(B,\), but it gives \(\)"):
        fit(HEAD, GOOD, config=ONE, loss=mean)


@pytest.mark.parametrize("optimizer", ["adam", optax.adam, 1e-3])
def test_other_things_are_no_optimizers(optimizer):
    with pytest.raises(DataError, match=r"object of Optax, such as optax\.adam\(1e-3\), not"):
        fit(HEAD, GOOD, config=ONE, optimizer=optimizer)


def test_images_in_0_to_1_are_warned_of(full):
    images = np.random.default_rng(0).random((6, 32, 32, 3), np.float32)
    with pytest.warns(VggjaxWarning, match="takes RGB from 0 to 255"):
        evaluate(full, Examples(images, LABELS))


def test_one_layer_may_be_named_alone(full, small_images):
    examples = Examples(small_images, LABELS)
    one, listed = (fit(full, examples, config=ONE, trained=t) for t in ("head", ["head"]))
    assert one.history == listed.history


def test_labels_of_a_table_train_like_those_of_an_array():
    """A pandas Series goes by its index where an array goes by position."""

    class Series(Lazy):
        def __array__(self, dtype=None, copy=None):
            return self.rows

        def __getitem__(self, index):
            return self.rows[::-1][index]

    series = fit(HEAD, Examples(ROWS, Series(LABELS)), config=ONE)
    assert series.history == fit(HEAD, GOOD, config=ONE).history


def test_a_result_is_printed_in_a_few_lines():
    shown = repr(fit(HEAD, GOOD, config=ONE))
    assert shown.startswith("FitResult(Chain(head, 1 layer, 15 parameters), epoch 1 of 1: Epoch(")
    assert len(shown.splitlines()) == 1


def test_an_empty_chain_gives_no_logits():
    with pytest.raises(LayerError, match="not a row of logits"):
        evaluate(Chain({}), Examples(jnp.zeros((6, 2, 2)), LABELS))
