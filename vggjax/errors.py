"""What goes wrong in a way that the user can mend."""


class VggjaxError(Exception):
    """A mistake that the user can mend; its message is one clear sentence.

    Scripts print the message on stderr and exit with status 2.
    """


class WeightsError(VggjaxError):
    """A weight file or checkpoint is missing, damaged, unsafe or of another architecture."""


class DataError(VggjaxError):
    """A data set, an image or a split cannot be used as asked."""


class LayerError(VggjaxError):
    """A layer is asked for that the network does not have, or that does not fit there."""
