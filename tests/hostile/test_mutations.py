"""Mutated files: `VGGJAX_MUTATIONS=5000 python -m pytest tests/hostile -s` for more of them."""

import os

import numpy as np
import pytest
from harness import WRONG, attack, table
from mutations import mutated

COUNT = int(os.environ.get("VGGJAX_MUTATIONS", "250"))
SEED = int(os.environ.get("VGGJAX_MUTATIONS_SEED", "0"))


def test_no_file_crashes_hangs_or_does_more_than_be_read(tmp_path):
    found = attack(tmp_path, COUNT, SEED)
    print(f"\n{table(found)}")
    counts = sum(found.values(), start=type(found["PNG image"])())
    assert not {kind: counts[kind] for kind in WRONG if counts[kind]}
    assert counts["refused"] > counts["accepted"] / 10  # they have been changed


@pytest.mark.parametrize("content", [b"\x89PNG" * 50, b'{"a": [1, {"b": "c"}], "d": null}'])
def test_mutations_are_others_and_the_same_again(content):
    found = [mutated(content, np.random.default_rng(seed)) for seed in range(50)]
    assert found == [mutated(content, np.random.default_rng(seed)) for seed in range(50)]
    assert len({*found} - {content}) > 25
