"""Answers with names that are hard to draw or to write, and a look at what was drawn."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from vggjax.evaluation import Predictions

HARD = ("$x_1", "caf\udce9", "two\nlines", 'a "quoted", one', "an_endless_name_of_a_class_" * 4)


def answers(names, each=4, share_right=0.75):
    """Of every class `each` images; the last of them are taken for the next class."""
    classes = len(names)
    labels = np.repeat(np.arange(classes), each)
    right = np.tile(np.arange(each) < share_right * each, classes)
    guesses = np.where(right, labels, (labels + 1) % classes)
    told = np.full((len(labels), classes), 0.1 / (classes - 1))
    told[np.arange(len(labels)), guesses] = 0.9
    ids = [f"{names[label]}/{number}.jpg" for number, label in enumerate(labels)]
    return Predictions(ids, labels, told, list(names))


def drawn(figure):
    """The figure as an image (H, W, 4), and the places of all texts in it that are seen."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    texts = [t for t in figure.findobj(lambda a: hasattr(a, "get_text")) if t.get_text()]
    boxes = {t: t.get_window_extent(renderer) for t in texts if t.get_visible()}
    return np.asarray(canvas.buffer_rgba()), boxes


def nothing_is_cut(figure):
    """Whether all that is drawn lies within the figure, but for a hairline of an inch's 1/50."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    inked, paper = figure.get_tightbbox(canvas.get_renderer()), figure.bbox_inches
    return bool((inked.min > paper.min - 0.02).all() and (inked.max < paper.max + 0.02).all())
