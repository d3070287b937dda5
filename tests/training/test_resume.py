"""An interrupted training goes on and ends with the same bits, or starts anew."""

import io
import json
from dataclasses import replace

import jax
import numpy as np
import optax
import pytest

from vggjax import interrupts
from vggjax.errors import WeightsError
from vggjax.features import Examples
from vggjax.model import Chain, parameters, softmax_head
from vggjax.model.heads import dense_head
from vggjax.training import FitConfig, fit, keras_cross_entropy, resume
from vggjax.training.run import Training

RNG = np.random.default_rng(0)
LABELS = np.arange(30) % 3
ROWS = (RNG.normal(size=(30, 5)) + np.eye(3, 5)[LABELS]).astype(np.float32)
TRAIN, VALIDATION = Examples(ROWS[:20], LABELS[:20]), Examples(ROWS[20:], LABELS[20:])
FIRST = dense_head(5, 4, start="glorot")["head"]
CHAIN = Chain({"first": FIRST}).then(softmax_head((4,), 3, start="glorot"))
CONFIG = FitConfig(epochs=8, batch_size=8, learning_rate=0.02)
NOISY = optax.chain(optax.add_noise(0.1, 0.5, jax.random.key(0)), optax.sgd(0.1, momentum=0.9))


@pytest.fixture(autouse=True)
def _after_each_epoch(monkeypatch):
    monkeypatch.setattr(resume, "SECONDS_BETWEEN", 0)
    with jax.numpy_dtype_promotion("standard"):  # Optax mixes types of numbers
        yield


@pytest.fixture
def epochs_run(monkeypatch):
    """The numbers of the epochs that are trained, in order."""
    numbers, run_epoch = [], Training.run_epoch

    def counted(training, progress):
        numbers.append(len(progress.history) + 1)
        return run_epoch(training, progress)

    monkeypatch.setattr(Training, "run_epoch", counted)
    return numbers


class PowerCutError(Exception):
    pass


def interrupted(folder, chain=CHAIN, train=TRAIN, config=CONFIG, *, after=3, **how):
    def cut(epoch):
        if epoch.number == after:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        fit(chain, train, VALIDATION, config, checkpoint=folder, on_epoch=cut, **how)


def assert_same(a, b):
    assert (a.history, a.kept_epoch) == (b.history, b.kept_epoch)
    for x, y in zip(*(jax.tree.leaves(parameters(r.chain)) for r in (a, b)), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize(
    ("config", "how"),
    [
        (CONFIG, {}),
        (CONFIG, {"trained": ["head"]}),
        (CONFIG, {"optimizer": NOISY}),
        (replace(CONFIG, epochs=20, patience=2, learning_rate=0.3), {"trained": ["head"]}),
        (replace(CONFIG, epochs=20, patience=2, learning_rate=0.3, keep="last"), {}),
    ],
)
def test_it_ends_as_if_it_had_not_been_interrupted(tmp_path, epochs_run, config, how):
    undisturbed = fit(CHAIN, TRAIN, VALIDATION, config, **how)
    interrupted(tmp_path / "kept", config=config, **how)
    del epochs_run[:]
    seen = []
    resumed = fit(
        CHAIN, TRAIN, VALIDATION, config, checkpoint=tmp_path / "kept", on_epoch=seen.append, **how
    )
    assert_same(resumed, undisturbed)
    assert epochs_run == list(range(4, len(undisturbed.history) + 1))
    assert tuple(seen) == undisturbed.history
    assert not list(tmp_path.iterdir()), "nothing is left"


def test_early_stopping_may_have_found_the_best_before(tmp_path):
    config = replace(CONFIG, epochs=20, patience=3, learning_rate=0.3)
    undisturbed = fit(CHAIN, TRAIN, VALIDATION, config)
    assert 1 < undisturbed.kept_epoch < len(undisturbed.history) - 2
    interrupted(tmp_path, config=config, after=undisturbed.kept_epoch + 1)
    assert_same(fit(CHAIN, TRAIN, VALIDATION, config, checkpoint=str(tmp_path)), undisturbed)


def test_after_the_last_epoch_nothing_is_left_to_train(tmp_path, epochs_run):
    undisturbed = fit(CHAIN, TRAIN, VALIDATION, CONFIG)
    interrupted(tmp_path, after=8)
    del epochs_run[:]
    assert_same(fit(CHAIN, TRAIN, VALIDATION, CONFIG, checkpoint=tmp_path), undisturbed)
    assert epochs_run == []


OTHER_ROWS = ROWS[:20].copy()
OTHER_ROWS[7] += 1
OTHERS = {
    "config": {"config": replace(CONFIG, learning_rate=0.03)},
    "parameters": {"chain": Chain({"first": FIRST}).then(softmax_head((4,), 3))},
    "labels": {"train": Examples(ROWS[:20], LABELS[:20][::-1])},
    "inputs": {"train": Examples(OTHER_ROWS, LABELS[:20])},
    "layers": {"trained": ["head"]},
    "optimizer": {"optimizer": optax.sgd(0.02)},
    "optimizer's rate": {"optimizer": optax.sgd(0.01)},
    "loss": {"loss": keras_cross_entropy},
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_another_training_s_state_is_replaced(tmp_path, epochs_run, other):
    usual = {"optimizer": optax.sgd(0.02)} if other == OTHERS["optimizer's rate"] else {}
    interrupted(tmp_path, **usual)
    before = (tmp_path / resume.FILE).read_bytes()
    interrupted(tmp_path, after=1, **other)
    assert epochs_run == [1, 2, 3, 1]
    assert (tmp_path / resume.FILE).read_bytes() != before


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:-900] + b"x" * 900])
def test_a_damaged_state_is_as_good_as_none(tmp_path, epochs_run, damage):
    interrupted(tmp_path)
    path = tmp_path / resume.FILE
    path.write_bytes(damage(path.read_bytes()))
    del epochs_run[:]
    fit(CHAIN, TRAIN, VALIDATION, CONFIG, checkpoint=tmp_path)
    assert epochs_run == list(range(1, 9))


def test_no_flipped_bit_goes_on_from_another_state(tmp_path):
    """A file is what was written, or as good as none; a claim of its size is nothing to go by."""
    interrupted(tmp_path)
    path, read, rng = tmp_path / resume.FILE, resume._read, np.random.default_rng(0)
    content = path.read_bytes()
    digest = json.loads(str(np.load(io.BytesIO(content[:-32]))["arr_0"]))["digest"]
    assert read(path, digest, 2**20)
    assert read(path, "another", 2**20) is None
    assert read(path, digest, len(content) - 1) is None
    for place in {*range(0, len(content), 7), *range(1500), *rng.integers(len(content), size=200)}:
        damaged = bytearray(content)
        damaged[min(place, len(content) - 1)] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        assert read(path, digest, 2**20) is None
    for cut in rng.integers(0, len(content), 100):
        path.write_bytes(content[:cut])
        assert read(path, digest, 2**20) is None


def test_a_finished_training_that_lasts_is_not_repeated(tmp_path, epochs_run):
    places = [resume.Lasting(tmp_path / name) for name in "ab"]
    first, second = ({"config": CONFIG}, {"config": replace(CONFIG, patience=2)})
    undisturbed = [fit(CHAIN, TRAIN, VALIDATION, **how) for how in (first, second)]
    for _ in range(2):
        del epochs_run[:]
        for place, how, expected in zip(places, (first, second), undisturbed, strict=True):
            assert_same(fit(CHAIN, TRAIN, VALIDATION, **how, checkpoint=place), expected)
    assert epochs_run == []
    other = replace(CONFIG, learning_rate=0.03)
    assert_same(
        fit(CHAIN, TRAIN, VALIDATION, other, checkpoint=places[0]),
        fit(CHAIN, TRAIN, VALIDATION, other),
    )


def test_an_interruption_says_what_is_kept(tmp_path):
    said = []
    fit(CHAIN, TRAIN, VALIDATION, CONFIG, checkpoint=tmp_path,
        on_epoch=lambda epoch: said.append(interrupts.kept()))  # fmt: skip
    assert said[2].startswith("the training until epoch 3 is kept")


def test_images_are_told_apart_by_their_keys(full, images, labels, tmp_path, epochs_run):
    def run(images, after):
        with pytest.raises(PowerCutError):
            fit(full, Examples(images, labels), config=CONFIG, checkpoint=tmp_path,
                trained=["head"], on_epoch=lambda e: cut(e, after))  # fmt: skip

    def cut(epoch, after):
        if epoch.number == after:
            raise PowerCutError

    run(images, after=1)
    run(images, after=2)
    pixels = images.pixels.copy()
    pixels[69, 31, 31, 2] ^= 1
    run(type(images)(pixels), after=1)
    assert epochs_run == [1, 2, 1]


def test_short_epochs_are_not_slowed_down(tmp_path, monkeypatch):
    monkeypatch.setattr(resume, "SECONDS_BETWEEN", 60)
    interrupted(tmp_path)
    assert not list(tmp_path.iterdir())


def test_other_files_stay(tmp_path):
    (tmp_path / "notes.txt").touch()
    fit(CHAIN, TRAIN, config=replace(CONFIG, epochs=1), checkpoint=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WeightsError, match=r"file.* cannot be written"):
        fit(CHAIN, TRAIN, config=CONFIG, checkpoint=tmp_path / "file")
