"""Write the names of ImageNet's classes, vggjax/imagenet_classes.txt.

    pip install --no-deps timm
    python weights/imagenet_classes.py

The classes are synsets of WordNet, in the order of their numbers; each is
called by the first of its words, and with what tells it from another where
two have the same. The package timm lists the synsets and WordNet's words.
"""

from collections import Counter
from importlib.resources import files
from pathlib import Path

OUT = Path(__file__).parents[1] / "vggjax" / "imagenet_classes.txt"
APART = {"n02012849": "crane (bird)", "n03126707": "crane (machine)", "n03710721": "tank suit"}


def main() -> None:
    """Read timm's tables, and write ours."""
    tables = files("timm") / "data" / "_info"
    synsets = (tables / "imagenet_synsets.txt").read_text(encoding="utf-8").split()
    lines = (tables / "imagenet_synset_to_lemma.txt").read_text(encoding="utf-8").splitlines()
    words = dict(line.split("\t") for line in lines)
    names = [APART.get(synset, words[synset].split(", ")[0]) for synset in synsets]
    twice = [name for name, count in Counter(names).items() if count > 1]
    assert not twice, twice
    rows = [f"{synset} {name}\n" for synset, name in zip(synsets, names, strict=True)]
    OUT.write_text("".join(rows), encoding="utf-8")
    print(f"{OUT}: {len(rows)} classes")


if __name__ == "__main__":
    main()
