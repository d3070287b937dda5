"""Killed at any moment and run again, a program leaves what it would have left undisturbed."""

import os
import random
import shutil

import pytest
from survival import Work, leaves, left_over

KILLS = int(os.environ.get("VGGJAX_KILLS", "12"))  # in all
WORKS = (
    *("extraction", "heads", "training", "fine-tuning", "report"),
    *("rendering", "download", "unpacking", "conversion"),
)


@pytest.mark.survival
@pytest.mark.parametrize("name", WORKS)
def test_what_is_killed_ends_as_if_it_had_not_been(works, tmp_path, name):
    work, count, stopped = works[name], max(1, KILLS // len(WORKS)), 0
    moments = random.Random(name)
    whole, again = (work.fresh(tmp_path / name) for name in ("whole", "again"))
    seconds = min(work.finish(folder)[0] for folder in (whole, again))
    expected = leaves(whole)
    assert expected
    assert leaves(again) == expected
    assert left_over(whole) == []
    for number in range(count):
        folder = work.fresh(tmp_path / str(number))
        stopped += work.stop(folder, moments.uniform(0.02, seconds)) is not None
        work.finish(folder)
        assert leaves(folder) == expected
        assert left_over(folder) == []
        shutil.rmtree(folder)
    print(f"\n{name}: {stopped} of {count} killed within {seconds:.1f} s, all the same again")


@pytest.mark.survival
def test_a_good_result_stays_good(works, tmp_path):
    """However the run is killed that was to replace it."""
    work, count, moments = works["heads"], max(1, KILLS // 12), random.Random(0)
    again = Work("again", [*work.arguments, "--again"])
    folder = work.fresh(tmp_path / "whole")
    seconds, _ = work.finish(folder)
    expected = leaves(folder)
    for _ in range(count):
        again.stop(folder, moments.uniform(0.3, 1.1) * seconds)
        assert "has this run already" in work.finish(folder)[1]
        assert leaves(folder) == expected
        assert left_over(folder) == []
    print(f"\n{count} replacements killed, the result still good")
