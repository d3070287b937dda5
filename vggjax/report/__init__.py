"""Tables, figures and pages of results."""

from vggjax.report.accuracy import (
    accuracy_curves,
    accuracy_figure,
    bars_figure,
    percent,
    save_figure,
)
from vggjax.report.confusion import confusion_figure
from vggjax.report.curves import (
    history_figure,
    validation_curves,
    validation_figure,
    write_history,
)
from vggjax.report.event_log import EventLog, require_tensorboard
from vggjax.report.grids import activating_figure, filter_figure, image_grid, readable, stitch
from vggjax.report.judging import (
    class_figure,
    errors_figure,
    reliability_figure,
    suspects_figure,
)
from vggjax.report.maps import LayerMaps, maps_figure
from vggjax.report.mistakes import Mistakes
from vggjax.report.spreadsheets import (
    write_classes,
    write_confusion,
    write_predictions,
    write_suspects,
)
from vggjax.report.tables import Table, accuracy_cell, accuracy_note, cells, grouped

__all__ = [
    "EventLog",
    "LayerMaps",
    "Mistakes",
    "Table",
    "accuracy_cell",
    "accuracy_curves",
    "accuracy_figure",
    "accuracy_note",
    "activating_figure",
    "bars_figure",
    "cells",
    "class_figure",
    "confusion_figure",
    "errors_figure",
    "filter_figure",
    "grouped",
    "history_figure",
    "image_grid",
    "maps_figure",
    "percent",
    "readable",
    "reliability_figure",
    "require_tensorboard",
    "save_figure",
    "stitch",
    "suspects_figure",
    "validation_curves",
    "validation_figure",
    "write_classes",
    "write_confusion",
    "write_history",
    "write_predictions",
    "write_suspects",
]
