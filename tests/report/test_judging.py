from dataclasses import replace

import numpy as np
import pytest
from judging_helpers import HARD, answers, drawn, nothing_is_cut

from vggjax.evaluation import Suspect, worst_errors
from vggjax.report import class_figure, errors_figure, reliability_figure, suspects_figure

TITLE = "transfer to $a_folder: logistic on block5_pool, 4 images of each of its classes"


@pytest.fixture(scope="module")
def told():
    return answers(HARD)


@pytest.fixture(scope="module")
def images(told):
    """Each image has a brightness of its own."""
    return np.arange(len(told), dtype=np.uint8)[:, None, None, None] * np.ones((8, 8, 3), np.uint8)


def texts(axes):
    return axes.get_title(loc="left")


def test_reliability_has_both_errors_and_all_images(told):
    """By hand: 15 of 20 are right at 90 %, an error of 0.15; one bin, so one point."""
    before = answers(HARD, share_right=0.5)
    figure = reliability_figure(told, TITLE, before)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()][1:] == [
        "before calibration: expected calibration error 0.400",
        "calibrated: expected calibration error 0.150",
    ]
    above, below = figure.axes
    assert above.lines[-1].get_xydata().tolist() == [[pytest.approx(0.9), 0.75]]
    assert sum(patch.get_height() for patch in below.patches) == 20
    assert nothing_is_cut(figure)
    assert len(reliability_figure(told, TITLE).axes[0].lines) == 2


def test_classes_have_their_interval_even_where_all_is_right():
    """Of 24 images; statsmodels' Wilson interval of 24 in 24 is 0.8620 to 1."""
    figure = class_figure(answers("ab", each=24, share_right=1), TITLE)
    (bars,) = figure.axes[0].containers
    assert bars[2][0].get_segments()[0][:, 0] == pytest.approx([0.8620, 1], abs=1e-4)
    assert nothing_is_cut(figure)


def test_the_worst_class_is_on_top(told):
    told = told.subset(np.flatnonzero((told.labels != 2) | told.correct))
    figure = class_figure(told, TITLE)
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names[0] == "$x_1"
    assert names[-1] == "two\ufffdlines", "all of its images are right now"
    assert names[1:3] == ['a "quoted", one', "an_endless_name_of_a_class_…"]
    assert figure.axes[0].yaxis_inverted()
    assert nothing_is_cut(figure)


@pytest.mark.parametrize(("count", "shown"), [(2, 2), (30, 30), (31, 30), (256, 30)])
def test_of_many_classes_both_ends_are_shown(count, shown):
    figure = class_figure(answers([f"class {n:03d}" for n in range(count)]), TITLE)
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert len(names) == shown
    assert (names[0], names[-1]) == ("class 000", f"class {count - 1:03d}")
    assert (f"best of {count} classes" in figure.get_suptitle().replace("\n", " ")) == (count > 30)


def test_errors_show_their_image_class_guess_and_file(told, images):
    wrong = worst_errors(told)
    figure = errors_figure(images, told, wrong, TITLE)
    first = figure.axes[0]
    assert first.images[0].get_array().max() == wrong[0]
    assert texts(first) == "is $x_1\ntaken for caf\ufffd, 90%"
    assert [text.get_text() for text in first.texts] == ["3.jpg"]
    assert sum(bool(axes.images) for axes in figure.axes) == len(wrong) == 5


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_few_pictures_or_none_do_as_well(told, images, count):
    figure = errors_figure(images, told, worst_errors(told)[:count], TITLE)
    drawn(figure)
    assert sum(bool(axes.images) for axes in figure.axes) == count
    assert nothing_is_cut(figure)


def test_a_wrong_answer_is_never_certain(told, images):
    sure = answers("ab", each=2, share_right=0.5)
    sure.probabilities[:] = np.where(sure.probabilities > 0.5, 0.9999, 0.0001)
    assert texts(errors_figure(images, sure, np.array([1]), "t").axes[0]).endswith(", >99%")


def test_suspects_show_label_and_suggestion(told, images):
    figure = suspects_figure(images, told, [Suspect(7, 0), Suspect(19, 2)], TITLE)
    shown = [texts(axes) for axes in figure.axes if axes.images]
    assert shown == [
        "labelled caf\ufffd\nrather $x_1?",
        "labelled an_endless_name_o…\nrather two\ufffdlines?",
    ]


def test_long_names_do_not_run_into_the_next_picture():
    names = [f"MOTORBIKES_AND_CARS_OF_THE_YEAR_{year}" for year in (1980, 1990)]
    told = answers(names, each=24, share_right=0.5)
    told = replace(told, ids=[f"folder/{'IMG_WHATSAPP_' * 4}{n}.JPG" for n in range(48)])
    pictures = np.zeros((len(told), 8, 8, 3), np.uint8)
    for figure in (
        errors_figure(pictures, told, worst_errors(told, 12), TITLE),
        suspects_figure(pictures, told, [Suspect(n, 1) for n in range(12)], TITLE),
    ):
        _, boxes = drawn(figure)
        step = figure.axes[1].bbox.x0 - figure.axes[0].bbox.x0
        assert (
            max(box.width for axes in figure.axes for box in _above_and_below(axes, boxes)) < step
        )


def _above_and_below(axes, boxes):
    return [boxes[text] for text in (axes._left_title, *axes.texts)]
