"""The work that is killed: each kind of it, small enough to be run hundreds of times."""

import io
import tarfile
from hashlib import sha256

import numpy as np
import pytest
from http_helpers import serving
from PIL import Image
from survival import ROOT, Work
from weights_helpers import write_legacy

from vggjax.model import VGGConfig, parameter_shapes


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
UNPACKING = """
import pathlib, sys
from vggjax.data.caltech256 import load_caltech256
assert len(load_caltech256(pathlib.Path(sys.argv[1]))) == 20_000
"""
DOWNLOAD = """
import pathlib, sys
from vggjax.download import download
download(sys.argv[1], pathlib.Path("fetched") / "file", sys.argv[2], int(sys.argv[3]))
"""


@pytest.fixture(scope="session")
def served():
    """A file on a server that takes a second or two to send it."""
    content = np.random.default_rng(1).bytes(4_000_000)
    with serving(content) as server:
        server.pause = 0.02
        yield server


@pytest.fixture(scope="session")
def weight_file(tmp_path_factory):
    """VGG16's convolutions with random weights, as Keras writes them."""
    shapes = parameter_shapes(VGGConfig(top=False))
    rng = np.random.default_rng(2)
    tree = {
        layer: {role: rng.standard_normal(shape, np.float32) for role, shape in roles.items()}
        for layer, roles in shapes.items()
    }
    return write_legacy(tmp_path_factory.mktemp("file") / "weights.h5", tree, 2)


@pytest.fixture(scope="session")
def tar_file(tmp_path_factory):
    """An archive of many files in the layout of Caltech-256."""
    path, content = tmp_path_factory.mktemp("tar") / "many.tar", b"x" * 1000
    with tarfile.open(path, "w") as tar:
        for number in range(20_000):
            name = f"256_ObjectCategories/{number % 20:03}.class/{number:05}.jpg"
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """Lets a program find what JAX compiled for those before it."""
    shared = tmp_path_factory.mktemp("compiled")

    def link(folder):
        (folder / "cache").mkdir()
        (folder / "cache" / "compiled").symlink_to(shared)

    return link


@pytest.fixture(scope="session")
def works(many_photos, small_weights, served, weight_file, tar_file, compiled):
    """Every kind of work, by its name."""
    given = ["--data-dir", many_photos, "--weights", small_weights, "--out", "out"]
    caltech = [ROOT / "experiments" / "caltech.py", *given, "--val", "20", "--test", "20"]
    report = [ROOT / "experiments" / "report.py", "--only", "feature_maps", "caltech", *given]
    download = [served.url, f"sha256:{sha256(served.content).hexdigest()}", len(served.content)]
    convert = ["-m", "vggjax.weights", "convert", weight_file, "--out", "weights"]
    found = [
        Work("extraction", ["-c", EXTRACTION, many_photos], compiled),
        Work("heads", [*caltech, "--head", "reference", "auto"], compiled),
        Work("training", [*caltech, "--head", "reference", "--epochs", "1500"], compiled),
        Work("fine-tuning", [*caltech, "--samples", "8", "--unfreeze", "block5"], compiled),
        Work("report", report, compiled),
        Work("rendering", ["-c", RENDERING]),
        Work("download", ["-c", DOWNLOAD, *download]),
        Work("unpacking", ["-c", UNPACKING, tar_file]),
        Work("conversion", [*convert, "--overwrite"]),
    ]
    return {work.name: work for work in found}
