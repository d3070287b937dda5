"""The work that is killed: each kind of it, small enough to be run hundreds of times."""

import numpy as np
import pytest
from PIL import Image
from survival import ROOT, Work


@pytest.fixture(scope="session")
def many_photos(tmp_path_factory):
    """Four classes of sixty images of noise in their colours."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for label, name in enumerate(("ants", "bees", "cats", "dogs")):
        (folder / name).mkdir()
        for number in range(60):
            pixels = rng.integers(0, 200, (80, 80, 3), dtype=np.uint8)
            pixels[..., label % 3] += 10 * (1 + label // 3)
            Image.fromarray(pixels).save(folder / name / f"{number:02}.png")
    return folder


EXTRACTION = """
import hashlib, pathlib, sys, vggjax
from vggjax.features import extract_layers
backbone = vggjax.load_vgg("demo", until="fc2")
images = vggjax.ImageArray(vggjax.load_folder(sys.argv[1]), size=64)
found = extract_layers(backbone, ["block5_pool", "fc2"], images, batch_size=4)
text = " ".join(hashlib.sha256(rows[:].tobytes()).hexdigest() for rows in found.values())
pathlib.Path("features.txt").write_text(text)
"""
RENDERING = "from vggjax.data import load_demo; load_demo(per_class=60)"


@pytest.fixture(scope="session")
def works(many_photos, small_weights):
    """Every kind of work, by its name."""
    given = ["--data-dir", str(many_photos), "--weights", str(small_weights), "--out", "out"]
    caltech = [str(ROOT / "experiments" / "caltech.py"), *given, "--val", "20", "--test", "20"]
    report = [str(ROOT / "experiments" / "report.py"), "--only", "feature_maps", "caltech", *given]
    found = [
        Work("extraction", ["-c", EXTRACTION, str(many_photos)]),
        Work("heads", [*caltech, "--samples", "4", "16", "--head", "reference", "auto"]),
        Work("training", [*caltech, "--head", "reference", "--epochs", "3000"]),
        Work("fine-tuning", [*caltech, "--samples", "8", "--unfreeze", "block5"]),
        Work("rendering", ["-c", RENDERING]),
        Work("report", report),
    ]
    return {work.name: work for work in found}
