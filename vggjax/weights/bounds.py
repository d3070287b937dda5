"""How much a weight file may hold: what the largest VGG needs, and some."""

from pathlib import Path

from vggjax.errors import WeightsError

LARGEST_FILE = 4 * 2**30  # bytes; VGG19 in float64 with its optimizer's state has 3.4 GB
LARGEST_TEXT = 2**24  # bytes of JSON; a model's is some thousands
MOST_TENSORS = 10_000
_LARGEST_TOTAL = 3 * 2**29  # bytes of what is read; VGG19 in float64 has 1.15 GB


def check_total(size: int, path: Path) -> None:
    """Raise WeightsError if the tensors to read are more than any VGG's."""
    if size > _LARGEST_TOTAL:
        raise WeightsError(f"{path} is not a VGG: its tensors have {size / 1e9:,.1f} GB.")
