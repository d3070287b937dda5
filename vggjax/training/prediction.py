"""What a classifier says of one photo."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vggjax.errors import visible


@dataclass(frozen=True, repr=False)
class Prediction(Mapping[str, float]):
    """`{class: probability}`, the best first; `sure` says whether the best is likely enough.

    >>> told = Prediction({"cat": 0.8, "dog": 0.2}, sure=True)
    >>> told.name, told.probability, told
    ('cat', 0.8, Prediction(cat 80.0 %, dog 20.0 %))
    """

    probabilities: Mapping[str, float]
    sure: bool

    @property
    def name(self) -> str:
        """The likeliest class."""
        return next(iter(self.probabilities))

    @property
    def probability(self) -> float:
        """Its probability, 0–1."""
        return self.probabilities[self.name]

    def top(self, count: int) -> dict[str, float]:
        """The likeliest `count` classes."""
        return dict(list(self.probabilities.items())[:count])

    def __getitem__(self, name: str) -> float:
        return self.probabilities[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.probabilities)

    def __len__(self) -> int:
        return len(self.probabilities)

    def __repr__(self) -> str:
        top = self.top(3).items()
        best = ", ".join(f"{visible(name)} {share * 100:.1f} %" for name, share in top)
        more = ", …" if len(self) > 3 else ""
        return f"Prediction({best}{more}{'' if self.sure else '; unsure'})"
