import hashlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from vggjax.data.dataset import Dataset
from vggjax.data.folder import load_folder
from vggjax.data.image_array import ImageArray
from vggjax.data.images import DECODER_VERSION, DEEP_VERSION, decode_image
from vggjax.errors import DataError
from vggjax.quiet import quiet_pillow

HERE = Path(__file__).parents[2]
PHOTOS = Path(os.environ.get("VGGJAX_PHOTOS") or HERE.parent / "shared" / "photos")


@pytest.fixture
def files() -> dict[str, bytes]:
    """Nine images whose red channel counts from 0."""
    files = {}
    for number in range(9):
        buffer = io.BytesIO()
        Image.new("RGB", (5, 5), (number, 0, 0)).save(buffer, "PNG")
        files[f"c/{number}.png"] = buffer.getvalue()
    return files


def make_dataset(files: dict[str, bytes]) -> Dataset:
    labels = np.arange(len(files), dtype=np.int32) % 3
    return Dataset("tiny", ("a", "b", "c"), tuple(files), labels, files.__getitem__)


@pytest.fixture
def dataset(files) -> Dataset:
    return make_dataset(files)


def reds(batch: np.ndarray) -> list[int]:
    assert batch.dtype == np.uint8
    return batch[..., 0, 0, 0].tolist()


@pytest.mark.parametrize("threads", [1, 4, None])
def test_indexing_keeps_the_order(dataset, threads):
    images = ImageArray(dataset, size=4, threads=threads)
    assert (len(images), images.shape, images.dtype) == (9, (9, 4, 4, 3), np.uint8)
    assert images[2:5].shape == (3, 4, 4, 3)
    assert reds(images[:]) == list(range(9))
    assert reds(images[::-2]) == [8, 6, 4, 2, 0]
    assert reds(images[np.array([7, 0, 7, -1])]) == [7, 0, 7, 8]
    assert reds(images[np.array([], int)]) == []
    assert images[3].shape == (4, 4, 3)
    assert images[3][0, 0].tolist() == [3, 0, 0]
    with pytest.raises(IndexError):
        images[9]


def test_subset_of_a_subset(dataset):
    images = ImageArray(dataset, np.array([8, 6, 4, 2]), size=4)
    assert reds(images[:]) == [8, 6, 4, 2]
    np.testing.assert_array_equal(images.labels, [2, 0, 1, 2])
    part = images.subset(np.array([3, 0]))
    assert part.shape == (2, 4, 4, 3)
    assert reds(part[:]) == [2, 8]
    np.testing.assert_array_equal(part.keys(), images.keys()[[3, 0]])
    assert len(images.subset(slice(1, 3))) == 2


def test_keys_are_of_content_size_mode_and_decoder(files, dataset, monkeypatch):
    keys = ImageArray(dataset, size=4, resize="box").keys()
    assert (keys.shape, keys.dtype) == ((9, 32), np.uint8)
    expected = hashlib.sha256(f"vggjax {DECODER_VERSION} 4 box\n".encode() + files["c/3.png"])
    assert keys[3].tobytes() == expected.digest()
    assert len(np.unique(keys, axis=0)) == 9
    renamed = make_dataset({f"other/{number}": data for number, data in enumerate(files.values())})
    np.testing.assert_array_equal(ImageArray(renamed, size=4, resize="box").keys(), keys)
    others = [ImageArray(renamed, size=5, resize="box").keys(), ImageArray(renamed, size=4).keys()]
    monkeypatch.setattr("vggjax.data.image_array.DECODER_VERSION", DECODER_VERSION + 1)
    others.append(ImageArray(dataset, size=4, resize="box").keys())
    rows = {row.tobytes() for array in (keys, *others) for row in array}
    assert len(rows) == 4 * 9, "no key of one is a key of another"


def test_only_images_of_more_than_eight_bits_have_new_keys(files, monkeypatch):
    deep = Image.fromarray(np.full((5, 5), 300, np.uint16))
    text = PngImagePlugin.PngInfo()
    text.add_text("a", "x" * 2**21, zip=True)
    for number, kind in enumerate(["PNG", "TIFF", "PPM"]):
        buffer = io.BytesIO()
        deep.save(buffer, kind, pnginfo=text)
        files[f"c/{number}.png"] = buffer.getvalue()
    keys = ImageArray(make_dataset(files), size=4).keys()
    for number, (data, key) in enumerate(zip(files.values(), keys, strict=True)):
        version = f"{DECODER_VERSION} deep {DEEP_VERSION}" if number < 3 else DECODER_VERSION
        assert (
            key.tobytes() == hashlib.sha256(f"vggjax {version} 4 crop\n".encode() + data).digest()
        )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no such system call here")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning", "ignore:.*fork:DeprecationWarning")
def test_a_child_process_decodes_too(dataset):
    images = ImageArray(dataset, size=4)
    assert reds(images[:]) == list(range(9))  # the pool has threads by now
    with quiet_pillow:  # as if another thread was decoding
        child = os.fork()
    if child == 0:
        try:
            os._exit(0 if reds(images[:]) == list(range(9)) else 1)
        finally:
            os._exit(2)
    for _ in range(200):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        time.sleep(0.1)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        pytest.fail("the child hangs")
    assert os.waitstatus_to_exitcode(status) == 0


def test_an_image_that_changes_after_its_key_was_taken(files, dataset):
    images = ImageArray(dataset, size=4)
    images.keys()
    files["c/4.png"] = files["c/5.png"]
    assert reds(images[:4]) == [0, 1, 2, 3]
    with pytest.raises(DataError, match=r"c/4\.png has changed"):
        images[:]


@pytest.mark.parametrize("threads", [1, 3])
def test_a_broken_image_is_named(files, dataset, threads):
    files["c/6.png"] = files["c/6.png"][:40]
    images = ImageArray(dataset, size=4, threads=threads)
    with pytest.raises(DataError, match=r"c/6\.png"):
        images[:]
    assert reds(images[:6]) == [0, 1, 2, 3, 4, 5]


def test_unknown_mode_fails_at_once(dataset):
    with pytest.raises(DataError, match="resize mode"):
        ImageArray(dataset, resize="squash")


def test_the_pool_lets_the_program_end(patience):
    program = """
import numpy as np
from vggjax.data import Dataset, ImageArray
from vggjax.errors import DataError
ids = tuple(map(str, range(50)))
images = ImageArray(Dataset("x", ("a",), ids, np.zeros(50, np.int32), str.encode), threads=4)
print(images.keys().shape)
try:
    images[:]
except DataError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=patience, cwd=HERE
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("(50, 32)\nCannot read 50 images: 0 (not an image format")
    assert done.stdout.endswith("… and 40 more; replace or remove them.\n")


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="no photographs here")
def test_real_photographs():
    dataset = load_folder(PHOTOS)
    images = ImageArray(dataset, np.array([0, 70, 40]), size=64, resize="nearest")
    for image, index in zip(images[:], (0, 70, 40), strict=True):
        path = PHOTOS / dataset.ids[index]
        np.testing.assert_array_equal(image, decode_image(path, 64, "nearest"))
        assert image.std() > 10
