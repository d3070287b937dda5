"""Tables and figures of results."""

from vggjax.report.figures import history_figure, samples_figure, save_figure
from vggjax.report.grids import image_grid
from vggjax.report.history import write_history
from vggjax.report.reference import C1_TEST_ACCURACY
from vggjax.report.tables import samples_table

__all__ = [
    "C1_TEST_ACCURACY",
    "history_figure",
    "image_grid",
    "samples_figure",
    "samples_table",
    "save_figure",
    "write_history",
]
