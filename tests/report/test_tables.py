import math

import pytest

from vggjax.evaluation import mean_and_deviation, wilson_interval
from vggjax.report import Table, accuracy_cell, accuracy_note, cells, grouped
from vggjax.report.tables import plain, spread
from vggjax.training import Metrics, Record


def record(samples, seed, accuracy, tested=100):
    return Record(
        key={"samples": samples, "seed": seed},
        train=Metrics(0.25, 1.0),
        validation=Metrics(1.0, 0.5),
        test=Metrics(1.25, accuracy),
        images={"train": samples * 3, "validation": 9, "test": tested},
        least_per_class={"train": samples, "validation": 3, "test": 3},
        balanced=accuracy,
        calibration={"temperature": 2.0, "error before": 0.2, "error": 0.1},
        epochs=3,
        kept_epoch=2,
        learning_rate=1e-3,
        trainable_parameters=10,
        frozen_parameters=20,
        seconds=0.1,
    )


@pytest.fixture
def records():
    return [record(4, 0, 0.5), record(2, 0, 0.25), record(4, 1, 0.7), record(2, 1, 0.25)]


def test_a_record_is_the_same_after_json(records):
    assert [Record.from_json(r.to_json()) for r in records] == records
    assert records[0].name == "4-seed0"
    with pytest.raises((TypeError, KeyError)):
        Record.from_json({"key": {}})


def test_records_are_grouped_by_parts_of_their_key(records):
    groups = grouped(records, "samples")
    assert {key: [r.key["seed"] for r in group] for key, group in groups.items()} == {
        (4,): [0, 1],
        (2,): [0, 1],
    }
    assert len(grouped(records, "samples", "seed")) == 4


def test_several_seeds_have_a_mean_and_its_interval(records):
    """12.7062 is the 97.5 % point of Student's t with one degree of freedom, as tables have it."""
    deviation = math.sqrt(((0.5 - 0.6) ** 2 + (0.7 - 0.6) ** 2) / 1)
    assert mean_and_deviation([0.5, 0.7]) == pytest.approx((0.6, deviation))
    reach = 12.7062 * deviation / math.sqrt(2)
    group = grouped(records, "samples")[4,]
    assert spread(group) == pytest.approx((0.6, 0.6 - reach, 0.6 + reach), rel=1e-5)
    assert accuracy_cell(group) == "0.6000 ± 1.2706"
    assert "mean of 2 splits, with its 95 % interval" in accuracy_note(records, "samples")


def test_one_seed_has_the_interval_of_its_test_images():
    """Wilson's interval for 81 of 263, as Newcombe (1998), table I, prints it: 0.2553 to 0.3662."""
    assert wilson_interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20)[0] == 0
    assert wilson_interval(1, 20)[1] == 1
    assert accuracy_cell([record(4, 0, 81 / 263, 263)]) == "0.3080 (.26-.37)"
    assert "263 test images" in accuracy_note([record(4, 0, 0.5, 263)], "samples")


def test_cells_are_means(records):
    names = ("train accuracy", "test loss", "epochs", "learning rate")
    assert cells(records, names) == ("1.0000", "1.2500", "3", "0.001")


def test_text_is_aligned_and_wraps_its_header_only_if_it_must():
    table = Table(("n", "what"), (("2", "abc"), ("10", "d")))
    assert table.as_text().splitlines() == [" n  what", "--------", " 2  abc", "10  d"]
    wide = Table(("some number of many words " * 3,) * 3, (("1", "2", "3"),))
    assert max(map(len, wide.as_text().splitlines())) <= 80


def test_a_column_of_numbers_may_be_negative_or_lack_some():
    rows = (("a", "-9.26", "-"), ("b", "19", "1"), ("-c", "", "2"))
    assert Table(("x", "y", "z"), rows).numbers == (False, True, True)


def test_markdown_sets_numbers_right_and_escapes():
    table = Table(("n", "a|b"), (("2", "<i>"), ("-", "block5_conv3 _x_")))
    assert table.as_markdown().splitlines() == [
        r"| n | a\|b |",
        "| ---: | --- |",
        r"| 2 | \<i\> |",
        r"| - | block5_conv3 \_x\_ |",
    ]
    assert plain("`c`\n [d] & # e") == r"\`c\` \[d\] \& # e"
