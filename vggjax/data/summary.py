"""A data set's classes and counts as text (row R1)."""

from vggjax.data.dataset import Dataset


def summary(dataset: Dataset) -> str:
    """Name, number of classes and images, and the count of each class, one a line."""
    counts = dataset.counts()
    width = max(map(len, counts), default=0)
    head = f"{dataset.name}: {len(counts)} classes, {len(dataset):,} images"
    if dataset.demo:
        head += " (demo: rendered images)"
    if counts:
        smallest = min(counts, key=lambda name: counts[name])
        head += f", the smallest class {smallest} with {counts[smallest]}"
    return "\n".join([head, *(f"  {name:<{width}}  {count:>6}" for name, count in counts.items())])
