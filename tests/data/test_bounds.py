import io
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from image_bombs import DECODED, REFUSED
from PIL import Image

from vggjax.data import load_folder
from vggjax.data.bounds import MOST_BYTES
from vggjax.data.images import decode_image, deep_version
from vggjax.data.room import Room
from vggjax.errors import DataError

# Decodes the image on stdin; prints the megabytes that it took at most, and the error.
DECODE = """
import io, sys
from vggjax.data.images import decode_image, deep_version
from vggjax.errors import DataError
from PIL import Image
data = sys.stdin.buffer.read()
def peak():
    with open("/proc/self/status") as file:
        return int(next(line for line in file if line.startswith("VmHWM")).split()[1])
before, said = peak(), ""
try:
    deep_version(data)
    decode_image(data, 224)
except DataError as error:
    said = str(error)
print((peak() - before) // 1024, said)
"""
SLOW = {"JPEG of channels kept", "PPM digits", "RGBA", "JPEG 2000", "JPEG 2000 in blocks",
        "JPEG EXIF in pieces", "TIFF floats", "TIFF tile", "BMP steps", "PNG chunks"}  # fmt: skip
MOST_MEGABYTES = 1000
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="measures memory by /proc")


@pytest.fixture(autouse=True)
def large_pictures(monkeypatch):
    """Pillow warns of those that are written here."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)


@pytest.fixture
def decoded_apart(patience):
    """Decodes an image in a process of its own: the megabytes that took at most, and the error."""

    def decode(data: bytes) -> tuple[int, str]:
        run = [sys.executable, "-c", DECODE]
        done = subprocess.run(run, input=data, capture_output=True, timeout=patience, check=True)
        megabytes, _, said = done.stdout.decode().strip().partition(" ")
        return int(megabytes), said

    return decode


@on_linux
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in REFUSED]
)
def test_what_would_cost_too_much_is_refused(name, decoded_apart):
    make, word = REFUSED[name]
    megabytes, said = decoded_apart(make())
    assert word in said
    assert "\n" not in said
    assert megabytes < 200


@on_linux
@pytest.mark.slow
@pytest.mark.parametrize("name", DECODED)
def test_large_images_are_decoded_within_bounds(name, decoded_apart):
    megabytes, said = decoded_apart(DECODED[name]())
    assert said == ""
    assert megabytes < MOST_MEGABYTES


def test_a_large_file_is_not_read(tmp_path):
    for name in ("cats/1.jpg", "dogs/1.jpg"):
        (tmp_path / name).parent.mkdir()
        with (tmp_path / name).open("wb") as file:
            file.truncate(3 * 2**30)  # which takes no room on the disk
    dataset = load_folder(tmp_path)
    for read in (lambda: decode_image(tmp_path / name, 8), lambda: dataset.read("cats/1.jpg")):
        with pytest.raises(DataError, match="over 640 MB"):
            read()
    with pytest.raises(DataError, match="over 640 MB"):
        decode_image(b"\xff\xd8\xff" + bytes(MOST_BYTES), 8)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe with a name")
def test_a_pipe_is_no_image(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", "/dev/zero"):
        with pytest.raises(DataError, match="no regular file"):
            decode_image(type(tmp_path)(path), 8)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_deep_images_in_bands_are_the_same(monkeypatch, dtype):
    values = (np.arange(97 * 41).reshape(97, 41) * 13).astype(dtype)
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "TIFF")
    whole = decode_image(buffer.getvalue(), 41, "box")
    for module in ("deep", "images"):
        monkeypatch.setattr(f"vggjax.data.{module}._BAND", 100)
    np.testing.assert_array_equal(decode_image(buffer.getvalue(), 41, "box"), whole)
    assert deep_version(buffer.getvalue())


def test_threads_share_the_room():
    room, most, lock = Room(1000), [0, 0], threading.Lock()

    def work(size: int) -> None:
        for _ in range(50):
            with room.taken(size):
                with lock:
                    most[0] += min(size, 1000)
                    most[1] = max(most)
                with lock:
                    most[0] -= min(size, 1000)

    threads = [threading.Thread(target=work, args=(size,)) for size in (200, 300, 600, 5000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert room.left == room.total
    assert most[1] <= 1000
