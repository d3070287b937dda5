"""The reference's Table 2 (C5) as it is printed and with its rows reversed: what our numbers say.

The text gives 50 % to the last convolution, block5_conv3; the table, to block5_conv1.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from engine.heads import HeadPlan, Inputs
from engine.job import Job
from engine.run_folder import Result

from vggjax.model.heads import dense_head, flat_width, flattening
from vggjax.report.reference import C5_LEARNING_RATES, C5_REVERSED, C5_TABLE, TableTwoRow
from vggjax.report.tables import grouped, spread
from vggjax.training import beyond_clip, evaluate, wilson_interval

MEASURES = ("learning rate", "train accuracy", "train loss", "test accuracy", "test loss")
CLASSES = 256  # of the reference's heads
PRINTED, REVERSED, UNDECIDED = "printed", "reversed", "undecided"
MEANING = {
    PRINTED: "for Table 2 as it is printed",
    REVERSED: "for Table 2 with its rows reversed",
    UNDECIDED: "for neither reading of Table 2 (undecided)",
}
Range = tuple[float, float, float]  # a value, and the lower and upper end of its range


def reported() -> dict[str, dict[str, dict[str, float]]]:
    """Both readings of Table 2, `{reading: {layer: {measure: value}}}`."""
    readings: dict[str, Mapping[str, TableTwoRow]] = {PRINTED: C5_TABLE, REVERSED: C5_REVERSED}
    rates = C5_LEARNING_RATES["text"]
    return {
        name: {
            layer: dict(zip(MEASURES, (rates[layer], *row), strict=True))
            for layer, row in rows.items()
        }
        for name, rows in readings.items()
    }


def clipped_shares(
    job: Job[Any], plans: Sequence[HeadPlan], inputs: Inputs
) -> dict[str, dict[str, float]]:
    """`{"clipped": {layer: share}}` of the training images that have no gradient at first.

    That is before the first step, in a head of the reference's 256 classes with its Glorot start:
    the images whose own class gets a probability below Keras' clip.
    """
    first = {plan.layer: plan for plan in reversed(plans)}
    shares = {}
    for layer in job.layers:
        shape, pool = job.feature_shape(layer), getattr(job.options, "pool", False)
        width, classes = flat_width(shape, pool=pool), max(CLASSES, job.classes)
        dense = dense_head(width, classes, first[layer].split.seed, start="glorot")
        head, train = flattening(shape, pool=pool).then(dense), inputs.parts(first[layer]).train
        shares[layer] = evaluate(head, train, 256, beyond_clip).loss
    return {"clipped": shares}


def findings(result: Result, recipe: str) -> list[str]:
    """What the clip and our own accuracies with the reference's `recipe` say of Table 2's rows."""
    clipped: Mapping[str, float] = result.content.get("clipped", {})
    records = [record for record in result.records if record.key["recipe"] == recipe]
    layers = [layer for layer in C5_TABLE if layer in clipped]
    if not layers:
        return []
    count, shares = records[0].images["train"], ", ".join(f"{clipped[x]:.1%}" for x in layers)
    learnable = {x: (1 - clipped[x], *wilson_interval(1 - clipped[x], count)) for x in layers}
    accuracies = {layer: spread(own) for (layer,), own in grouped(records, "layer").items()}
    learnt = max(low for _, low, _ in accuracies.values()) > 2 / result["classes"]
    by_accuracy = reading_of(accuracies) if learnt else UNDECIDED
    return [
        f"before the first step, {shares} of the training images have no gradient at "
        f"{', '.join(layers)} (their class is below the clip, from a {CLASSES}-way Glorot start): "
        f"this speaks {MEANING[reading_of(learnable)]}",
        f"our accuracies with its recipe speak {MEANING[by_accuracy]}",
    ]


def reading_of(ours: Mapping[str, Range]) -> str:
    """The reading of Table 2 whose order of the layers is that of `ours`, by a vote.

    Each two of its layers vote if their ranges don't overlap: for the table as it is printed or for
    its reverse. Without a majority it is undecided.

    >>> flat = {"block5_conv3": (0.9, 0.8, 1.0), "block5_conv1": (0.1, 0.0, 0.2)}
    >>> reading_of(flat)
    'reversed'
    """
    votes = 0
    for one, other in combinations([layer for layer in C5_TABLE if layer in ours], 2):
        lower, higher = sorted((ours[one], ours[other]))
        if lower[2] < higher[1]:
            printed = C5_TABLE[one].test_accuracy < C5_TABLE[other].test_accuracy
            votes += 1 if (ours[one][0] < ours[other][0]) == printed else -1
    return UNDECIDED if votes == 0 else PRINTED if votes > 0 else REVERSED
