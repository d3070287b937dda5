"""Tables and figures of results."""

from vggjax.report.event_log import EventLog, require_tensorboard
from vggjax.report.figures import history_figure, samples_figure, save_figure
from vggjax.report.filters import activating_figure, filter_figure
from vggjax.report.grids import image_grid
from vggjax.report.history import write_history
from vggjax.report.maps import LayerMaps, maps_figure
from vggjax.report.reference import C1_TEST_ACCURACY, U1_TEST_ACCURACY
from vggjax.report.stitch import stitch
from vggjax.report.tables import samples_table

__all__ = [
    "C1_TEST_ACCURACY",
    "U1_TEST_ACCURACY",
    "EventLog",
    "LayerMaps",
    "activating_figure",
    "filter_figure",
    "history_figure",
    "image_grid",
    "maps_figure",
    "require_tensorboard",
    "samples_figure",
    "samples_table",
    "save_figure",
    "stitch",
    "write_history",
]
