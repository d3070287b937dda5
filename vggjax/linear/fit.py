"""Linear heads on frozen features, solved exactly: fitted, chosen, calibrated, made to layers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import jax.numpy as jnp
import numpy as np
import scipy

from vggjax.errors import DataError
from vggjax.evaluation import fit_temperature
from vggjax.features import Examples
from vggjax.linear.choice import Choice, Tried, best, judged
from vggjax.linear.coordinates import Coordinates, coordinates
from vggjax.linear.features import LayerFeatures
from vggjax.linear.heads import KINDS, held_out, kind_of
from vggjax.linear.rows import Rows
from vggjax.linear.solution import Solution
from vggjax.model import Chain, JointHead, output_shape
from vggjax.model.layers import Dense

RECIPES = (Rows(), Rows(power=0.5))
PART = 256  # images whose rows are in memory at a time, beside the training images'
LEAST_VALIDATION = 5  # images per class; with fewer, the training images judge
AFFORDABLE = 2**28  # rows squared times classes: beyond, what iterates is left out
Judge = Literal["validation", "training", "nothing"]


@dataclass(frozen=True)
class LinearFit:
    """The head that was chosen, with calibrated logits, and all that was `tried`.

    `judge` says which images decided: those of `validation`, or of `training`, each by heads that
    were fitted without it, or `nothing`: then the usual strength was taken, and the probabilities
    are not calibrated. `left_out` are the kinds that would have taken too long.
    """

    head: Chain | JointHead
    chosen: Tried
    tried: tuple[Tried, ...]
    judge: Judge
    left_out: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What was chosen, in words."""
        without = f", without {' and '.join(self.left_out)}" if self.left_out else ""
        return f"{self.chosen.choice.text}, by {self.judge}{without}"


def fit_linear(
    train: Examples,
    classes: int,
    validation: Examples | None = None,
    *,
    kinds: Sequence[str] = tuple(KINDS),
    layers: Sequence[tuple[str, ...]] | None = None,
    recipes: Sequence[Rows] = RECIPES,
) -> LinearFit:
    """The best of some `kinds` of linear head, on some sets of `layers`, made to rows by `recipes`.

    `kinds` are `mean` (class means), `ridge` and `logistic`, each with its grid of strengths;
    `layers` are by default each layer alone and all together. `validation` judges if it has
    LEAST_VALIDATION images per class, otherwise the training images do, in folds; where a class
    has a single one, nothing is chosen: it is ridge with its usual strength on all layers. The
    head's logits are divided by the temperature at which the judging images' cross-entropy is
    least. Of several kinds, those that iterate are left out where the training rows squared times
    the classes exceed AFFORDABLE. Raises DataError if a class has no training image.

    >>> import vggjax
    >>> from vggjax.linear import LayerFeatures
    >>> rows = np.eye(6, dtype=np.float32)
    >>> features = LayerFeatures({"whole": {"fc2": rows}})
    >>> found = fit_linear(vggjax.Examples(features, np.arange(6) % 2), 2)
    >>> found.judge, found.head.names
    ('training', ('head_flat', 'head_unit_length', 'head'))
    """
    if not _least(train, classes):
        raise DataError("Each class needs a training image.")
    judge = judge_of(train, validation, classes)
    sets = layers or default_sets(train.inputs.layers)
    kinds, left_out = affordable(kinds, len(train) * len(train.inputs.views), classes)
    if judge == "nothing":
        kind = "ridge" if "ridge" in kinds else kinds[0]
        choice = Choice(kind, sets[-1], recipes[0], kind_of(kind).usual)
        none = np.zeros((0, classes)), train.labels[:0]
        tried = [Tried(choice, 0.0, 0.0, kind_of(kind).temperature, *none)]
    else:
        judges = validation if judge == "validation" else None
        tried = [
            each
            for own, recipe in product(sets, recipes)
            for each in _tried(_Fitted.on(train, classes, own, recipe), judges, kinds)
        ]
    chosen = best(tried)
    # Fitted once more: to keep the rows of all that was tried would take their memory.
    fitted = _Fitted.on(train, classes, chosen.choice.layers, chosen.choice.rows)
    return LinearFit(fitted.head(chosen), chosen, tuple(tried), judge, left_out)


def out_of_fold(examples: Examples, classes: int, choice: Choice) -> np.ndarray:
    """Each image's calibrated probabilities (N, classes) by heads that were fitted without it.

    `examples` are labelled images with `LayerFeatures`, two of each class at least; `choice` is
    what to fit to them.
    """
    fitted = _Fitted.on(examples, classes, choice.layers, choice.rows)
    one = fitted.at, fitted.labels, classes, fitted.views, [choice.strength]
    (logits,) = held_out(choice.kind, *one)
    return scipy.special.softmax(logits / fit_temperature(logits, examples.labels), axis=1)


def default_sets(layers: Sequence[str]) -> list[tuple[str, ...]]:
    """Each of the `layers` alone, and all together."""
    alone: list[tuple[str, ...]] = [(layer,) for layer in layers]
    return [*alone, tuple(layers)] if len(alone) > 1 else alone


def affordable(
    kinds: Sequence[str], rows: int, classes: int
) -> tuple[Sequence[str], tuple[str, ...]]:
    """The kinds to try with so many training rows, and those that would take too long.

    >>> affordable(("ridge", "logistic"), rows=8192, classes=256)
    (['ridge'], ('logistic',))
    """
    quick = [name for name in kinds if not kind_of(name).iterates]
    if not quick or rows**2 * classes <= AFFORDABLE:
        return kinds, ()
    return quick, tuple(name for name in kinds if name not in quick)


def judge_of(train: Examples, validation: Examples | None, classes: int) -> Judge:
    """Which images decide between heads."""
    if validation is not None and _least(validation, classes) >= LEAST_VALIDATION:
        return "validation"
    return "training" if _least(train, classes) > 1 else "nothing"


def _least(examples: Examples, classes: int) -> int:
    """How many images the class with the fewest has."""
    return int(np.bincount(examples.labels, minlength=classes).min())


def _tried(fitted: "_Fitted", validation: Examples | None, kinds: Sequence[str]) -> Iterator[Tried]:
    """How all strengths of some kinds of head do on the images that judge."""
    at, labels, classes = fitted.at, fitted.labels, fitted.classes
    seen = np.zeros(()) if validation is None else fitted.project(validation)
    for name in kinds:
        kind = kind_of(name)
        if validation is None:
            logits = held_out(name, at, labels, classes, fitted.views)
            answers = labels[: len(labels) // fitted.views]
        else:
            solutions = kind.solutions(at, labels, classes, kind.strengths, rough=True)
            logits = [solution.logits(seen) for solution in solutions]
            answers = validation.labels
        for strength, own in zip(kind.strengths, logits, strict=True):
            yield judged(Choice(name, fitted.layers, fitted.recipe, strength), own, answers)


@dataclass(frozen=True)
class _Fitted:
    """Training images as rows in their coordinates, on some layers and by a recipe."""

    at: Coordinates
    labels: np.ndarray
    classes: int
    views: int
    recipe: Rows
    chains: Mapping[str, Chain]
    widths: Sequence[int]

    @classmethod
    def on(cls, train: Examples, classes: int, layers: Sequence[str], recipe: Rows) -> "_Fitted":
        features, views = train.inputs, len(train.inputs.views)
        chains = features.chains(layers, recipe)
        at = coordinates(np.concatenate(features.rows(chains)))
        shapes = {layer: features.first[layer].shape[1:] for layer in layers}
        widths = [output_shape(chains[layer], shapes[layer])[0] for layer in layers]
        return cls(at, np.tile(train.labels, views), classes, views, recipe, chains, widths)

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(self.chains)

    def project(self, examples: Examples) -> np.ndarray:
        """The coordinates of other images, the mean over their views: (n, r)."""
        parts = np.split(np.arange(len(examples)), range(PART, len(examples), PART))
        return np.concatenate([self._projected(examples.inputs.subset(part)) for part in parts])

    def _projected(self, features: LayerFeatures) -> np.ndarray:
        return np.mean([self.at.project(rows) for rows in features.rows(self.chains)], axis=0)

    def head(self, chosen: Tried) -> Chain | JointHead:
        """The layers that give the calibrated logits of what was chosen."""
        kind = kind_of(chosen.choice.kind)
        (solution,) = kind.solutions(self.at, self.labels, self.classes, [chosen.choice.strength])
        return self.layers_of(solution.scaled(1 / chosen.temperature))

    def layers_of(self, solution: Solution) -> Chain | JointHead:
        """A solution as a dense layer behind each layer's rows; the first has the bias."""
        weights = self.at.expand(solution.weights)
        bias = solution.bias - self.at.mean @ weights
        heads = {}
        parts = np.split(weights, np.cumsum(self.widths)[:-1])
        for layer, part in zip(self.chains, parts, strict=True):
            dense = Dense(jnp.asarray(part, jnp.float32), jnp.asarray(bias, jnp.float32))
            heads[layer] = self.chains[layer].then(Chain({"head": dense}))
            bias = np.zeros_like(bias)
        return JointHead(heads) if len(heads) > 1 else heads[self.layers[0]]
