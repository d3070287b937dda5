from itertools import pairwise

import numpy as np
import pytest
from judging_helpers import HARD, answers, drawn, nothing_is_cut

from vggjax.report import confusion_figure

TITLE = "transfer to $a_folder: logistic on block5_pool, 4 images of each of its classes"


def note(figure):
    return figure.get_supxlabel().split("\n")


def test_small_matrices_have_names_and_numbers():
    figure = confusion_figure(answers(HARD), TITLE)
    (axes,) = figure.axes
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names[:3] == ["$x_1", "caf\ufffd", "two\ufffdlines"]
    numbers = {(*map(int, text.get_position()),): text.get_text() for text in axes.texts}
    assert numbers == {
        **{(n, n): "3" for n in range(5)},
        **{((n + 1) % 5, n): "1" for n in range(5)},
    }, "3 of 4 are right, one is taken for the next class"
    assert note(figure)[1] == "1. $x_1 taken for caf\ufffd: 1"


def test_without_mistakes_it_says_so():
    assert note(confusion_figure(answers("ab", share_right=1), TITLE))[-1] == "No image is wrong."


@pytest.mark.parametrize("count", [2, 12, 50, 51, 256])
def test_no_text_is_cut_or_covers_another(count):
    """The title, the axes' names and the note, as they are drawn."""
    names = [f"{number:03d}.a-class-with-a-rather-long-name" for number in range(count)]
    figure = confusion_figure(answers(names), TITLE)
    assert nothing_is_cut(figure)
    _, boxes = drawn(figure)
    axes = figure.axes[0]
    title, below = (boxes[text] for text in (figure._suptitle, figure._supxlabel))
    assert title.y0 > axes.bbox.y1
    assert below.y1 < boxes[axes.xaxis.label].y0
    ticks = [boxes[text] for text in axes.get_yticklabels() if text in boxes]
    assert len(ticks) == (count if count <= 50 else 0)
    assert all(lower.y1 <= upper.y0 for upper, lower in pairwise(ticks))


def test_of_many_classes_the_pairs_are_marked():
    told = answers([f"class {number}" for number in range(100)])
    figure = confusion_figure(told, TITLE)
    marks = figure.axes[0].collections
    places = np.concatenate([mark.get_offsets() for mark in marks]).tolist()
    assert places == [[n + 1, n] for n in range(5)]
    assert [text.get_text() for text in figure.axes[0].texts] == list("12345")
    assert note(figure)[0] == "1. class 0 taken for class 1: 1"


def test_a_single_mistake_of_many_is_seen():
    """One of 20 images: its cell differs from white paper by more than a shade."""
    told = answers([str(n) for n in range(60)], each=20, share_right=0.95)
    image = confusion_figure(told, TITLE).axes[0].images[0]
    right, wrong, none = (image.to_rgba(share)[0] for share in (0.95, 0.05, 0.0))
    assert none - wrong > 0.15
    assert wrong - right > 0.15
