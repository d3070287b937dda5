"""Whether two heads of a run differ by more than chance, on the same test images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from vggjax.evaluation import paired_difference
from vggjax.training import Record, TrainedHead

Groups = Callable[[Sequence[Record]], Mapping[tuple[Any, ...], list[Record]]]


def differences(
    groups: Groups, heads: Sequence[TrainedHead], against: str = ""
) -> list[dict[str, Any]]:
    """For heads that differ in the last part of their key only, each against the one before it.

    With `against`, each is compared with the one of that value, where it is there. Where there is
    nothing before that part of the key, the best two are compared.
    """
    of = {id(head.record): head for head in heads}
    grouped = {k: [of[id(r)] for r in own] for k, own in groups([h.record for h in heads]).items()}
    if len(next(iter(grouped))) == 1:
        ranked = sorted(grouped, key=lambda values: -_accuracy(grouped[values]))[:2]
        pairs = [(ranked[1], ranked[0])] if len(ranked) > 1 else []
    else:
        firsts = dict.fromkeys(first for first, _ in grouped)
        beside = ([values for values in grouped if values[0] == first] for first in firsts)
        pairs = [pair for own in beside for pair in _pairs(own, against)]
    return [_difference(grouped, one, other) for other, one in pairs]


def _pairs(values: Sequence[tuple[Any, ...]], against: str) -> list[tuple[Any, Any]]:
    """Which of the groups are compared: (other, one) of each pair."""
    base = [each for each in values if each[-1] == against]
    if not base:
        return list(pairwise(values))
    return [(base[0], each) for each in values if each[-1] != against]


def _accuracy(heads: Sequence[TrainedHead]) -> float:
    return sum(head.record.test.accuracy for head in heads) / len(heads)


def _difference(
    grouped: Mapping[tuple[Any, ...], Sequence[TrainedHead]],
    one: tuple[Any, ...],
    other: tuple[Any, ...],
) -> dict[str, Any]:
    """How much better `one` group is than the `other`, split by split."""
    tested = [[head.judgement.tested for head in grouped[values]] for values in (one, other)]
    ours, theirs = ([told.correct for told in group] for group in tested)
    found = paired_difference(ours, theirs, [told.ids for told in tested[0]])
    return {"one": list(one), "other": list(other), **asdict(found)}


def worded(found: Mapping[str, Any], label: Callable[[tuple[Any, ...]], str]) -> str:
    """A difference as a sentence."""
    one, other = tuple(found["one"]), tuple(found["other"])
    against = str(other[-1]) if len(other) > 1 else label(other)
    p = f"p = {found['p']:.2g}" if found["p"] > 1e-4 else "p < 0.0001"
    return (
        f"{label(one)} against {against}: {found['value'] * 100:+.1f} points "
        f"({found['low'] * 100:+.1f} to {found['high'] * 100:+.1f}; {p}; "
        f"{found['images']:,} test images)"
    )
