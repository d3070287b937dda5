"""Several programs at once, on one cache and on one run folder: the same results, no work twice."""

import json
import os
from pathlib import Path

import pytest
from survival import Work, leaves, left_over

TIMES = int(os.environ.get("VGGJAX_TIMES", "1"))
# Computes the features of some images, one by one, and says which were not there before.
EXTRACTS = """
import hashlib, json, sys, time, vggjax
from vggjax.features import filling
first, last, number = map(int, sys.argv[2:])
real, computed = filling.branch_outputs, []
def counted(chains, images, *, indices, batch_size):
    for start, found in zip(range(0, len(indices), batch_size), real(
        chains, images, indices=indices, batch_size=batch_size)):
        computed.extend(indices[start : start + batch_size].tolist())
        time.sleep(0.01)
        yield found
filling.branch_outputs = counted
dataset = vggjax.load_folder(sys.argv[1])
backbone = vggjax.load_vgg("demo", until="fc2")
images = vggjax.ImageArray(dataset, range(first, last), size=64)
rows = vggjax.extract(backbone, images, batch_size=8)[:]
text = hashlib.sha256(rows.tobytes()).hexdigest()
names = [dataset.ids[first + index] for index in computed]
with open(f"told{number}.json", "w") as file:
    json.dump({"images": names, "digest": text}, file)
"""


def together(works, folder):
    """Runs programs at once in one folder; what they say on stderr."""
    programs = [work.start(folder) for work in works]
    said = [program.communicate(timeout=600)[1] for program in programs]
    assert [program.returncode for program in programs] == [0] * len(works), said
    return said


@pytest.mark.survival
@pytest.mark.parametrize("count", [2, 4])
def test_no_image_is_extracted_twice(many_photos, tmp_path, count):
    """All of them want overlapping images, in one cache that is empty at first."""
    ranges = [(0, 240), (40, 240), (0, 200), (100, 180)][:count]
    for turn in range(TIMES):
        folder = tmp_path / str(turn)
        folder.mkdir()
        works = [
            Work("extraction", ["-c", EXTRACTS, str(many_photos), *map(str, own), str(number)])
            for number, own in enumerate(ranges)
        ]
        together(works, folder)
        told = [json.loads(path.read_text()) for path in sorted(folder.glob("told*.json"))]
        images = [name for each in told for name in each["images"]]
        assert len(images) == len(set(images)) == 240
        assert left_over(folder) == []
        alone = tmp_path / f"alone{turn}"
        alone.mkdir()
        for number, work in enumerate(works if not turn else ()):
            work.finish(alone)
            mine = json.loads((alone / f"told{number}.json").read_text())
            assert mine["digest"] == told[number]["digest"]
    print(f"\n{count} programs, {TIMES} times: no image of 240 extracted twice")


@pytest.mark.survival
@pytest.mark.parametrize("count", [2, 4])
def test_one_run_folder(works, tmp_path, count):
    """The same command: one computes, the others report what it has found."""
    work = works["heads"]
    expected = leaves(_whole(work, tmp_path))
    for turn in range(TIMES):
        folder = work.fresh(tmp_path / str(turn))
        together([work] * count, folder)
        assert leaves(folder) == expected
        assert left_over(folder) == []
    print(f"\n{count} programs, {TIMES} times: the same result")


@pytest.mark.survival
@pytest.mark.parametrize("count", [2, 4])
def test_other_options_in_one_run_folder(works, tmp_path, count):
    """The last one's result is there, whole, and nothing of the others'."""
    work = works["heads"]
    several = [
        Work(f"seed {seed}", [*work.arguments, "--seed", str(seed)]) for seed in range(count)
    ]
    expected = [leaves(_whole(each, tmp_path / each.name)) for each in several]
    for turn in range(TIMES):
        folder = work.fresh(tmp_path / str(turn))
        together(several, folder)
        assert leaves(folder) in expected
        assert left_over(folder) == []
    print(f"\n{count} programs, {TIMES} times: one of the results, whole")


def _whole(work: Work, folder: Path) -> Path:
    whole = work.fresh(folder / "whole")
    work.finish(whole)
    return whole
