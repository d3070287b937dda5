"""Errors about images that can't be read: one, or several at once."""

from collections.abc import Mapping, Sized

from vggjax.errors import DataError, listed


class UnreadableImage(DataError):
    """An image file that can't be decoded: its `name`, and the `reason` in a few words."""

    def __init__(self, name: str, reason: str):
        super().__init__(f"Cannot read {name} as an image ({reason}); replace or remove it.")
        self.name, self.reason = name, reason


def unreadable_error(ids: Mapping[str, str], otherwise: str = "") -> DataError:
    """All of them in one sentence, at most ten by name; `otherwise` is what else can be done."""
    return DataError(
        f"Cannot read {counted(ids)}: {named(ids)}; replace or remove them{otherwise}."
    )


def named(ids: Mapping[str, str]) -> str:
    """The images with their reasons, at most ten."""
    return listed([f"{name} ({reason})" for name, reason in ids.items()])


def counted(ids: Sized) -> str:
    """How many images, in words."""
    return f"{len(ids):,} image{'s' * (len(ids) != 1)}"
