"""What the best head of a run got wrong, as its result keeps it and as sentences."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from engine.heads import Inputs
from engine.job import Job
from vggjax.evaluation import Predictions
from vggjax.linear import Choice, Rows, out_of_fold
from vggjax.report import Mistakes
from vggjax.training import TrainedHead

LARGE = 2**28  # features in all from which on averaged maps must do, to judge labels
STRENGTH = 0.1  # of the ridge that judges them


def chief(heads: Sequence[TrainedHead]) -> TrainedHead:
    """The head whose mistakes are shown: of the first seed, the one with the most right."""
    seed = heads[0].record.key["seed"]
    own = [head for head in heads if head.record.key["seed"] == seed]
    return max(own, key=lambda head: head.record.test.accuracy)


def mistakes(job: Job[Any], head: TrainedHead, inputs: Inputs) -> Mistakes:
    """What a head got wrong, and which of the run's labels may be wrong, by a linear head."""
    # A tuned head stands further left, on a layer that says little of the classes.
    layers = tuple(name for name in head.layers if name in job.layers) or tuple(job.layers[-1:])
    examples, names = inputs.everything(layers, job.splits[0])
    values = sum(math.prod(each.shape) for each in examples.inputs.first.values())
    rows = Rows(maps="average") if values > LARGE else Rows()
    told = out_of_fold(examples, job.classes, Choice("ridge", layers, rows, STRENGTH))
    everything = Predictions(names, examples.labels, told, job.data.class_names)
    before = head.judgement.before if head.history else None
    return Mistakes(head.judgement.tested, everything, before)


def in_words(found: Mapping[str, Any]) -> list[str]:
    """The facts of some mistakes as sentences."""
    pairs = "; ".join(f"{true} as {guess} ({n})" for true, guess, n in found["confused"][:3])
    notes = [f"mistakes of {found['of']}: {pairs}" if pairs else f"{found['of']}: no mistakes"]
    notes.append(f"of its wrong answers, {found['confident errors']:.0%} have over 95 %")
    if found["suspects"]:
        few = f"{found['suspects']} of {found['images']:,} labels may be wrong"
        notes.append(f"{few}, first of all that of {found['first suspect']} (suspects.png)")
    return notes
