"""Images that can't be read: all found at once, each with its reason."""

import io

import numpy as np
import pytest
from PIL import Image

from vggjax.data import ImageArray, load_folder, readable, unreadable, unreadable_error, without
from vggjax.errors import DataError


def encoded(kind="JPEG", seed=0):
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


BAD = {
    "empty.jpg": (b"", "an empty file"),
    "page.jpg": (b"\n<!DOCTYPE html><html></html>", "an HTML page"),
    "pointer.png": (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer, git "),
    "phone.jpg": (b"\0\0\0\x18ftypheic", "a HEIC image; pip install pillow-heif reads them"),
    "film.jpg": (b"\0\0\0\x18ftypisom", "a video"),
    "text.jpg": (b"no image at all", "not an image format that is known here"),
    "half.jpg": (encoded()[:2000], "image file is truncated"),
    "half.png": (encoded("PNG")[:9000], "truncated"),
}


@pytest.fixture
def dataset(tmp_path):
    """Good images, of kinds that have an end to look for and of two that have none; bad ones."""
    for name in ("ants", "bees"):
        (tmp_path / name).mkdir()
        for kind in ("JPEG", "PNG", "GIF", "TIFF", "WEBP"):
            (tmp_path / name / f"good.{kind.lower()}").write_bytes(encoded(kind))
    (tmp_path / "ants" / "zeros.jpg").write_bytes(encoded() + bytes(20))
    for name, (content, _) in BAD.items():
        (tmp_path / "bees" / name).write_bytes(content)
    return load_folder(tmp_path)


@pytest.mark.usefixtures("no_heif")
def test_all_are_found_with_their_reasons(dataset):
    found = unreadable(dataset)
    assert {*found} == {f"bees/{name}" for name in BAD}
    for name, (_, reason) in BAD.items():
        assert reason in found[f"bees/{name}"]
    some = np.flatnonzero(["half" in name for name in dataset.ids])
    assert [*unreadable(dataset, some)] == ["bees/half.jpg", "bees/half.png"]


def test_whole_images_are_decoded_only_if_that_is_asked_for(dataset, monkeypatch):
    decoded = []
    decode = readable.decode_image
    monkeypatch.setattr(readable, "decode_image", lambda *a: decoded.append(a[3]) or decode(*a))
    unreadable(dataset)
    assert {name for name in decoded if "ants" in name} == {"ants/good.tiff", "ants/good.webp"}
    unreadable(dataset, thorough=True)
    assert {name for name in decoded if "ants" in name} == {*dataset.ids[:6]}


def test_damage_inside_needs_a_thorough_look(tmp_path):
    whole = encoded("PNG")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(whole)
    (tmp_path / "b" / "2.png").write_bytes(whole[:3000] + bytes(200) + whole[3200:])
    dataset = load_folder(tmp_path)
    assert unreadable(dataset) == {}
    assert [*unreadable(dataset, thorough=True)] == ["b/2.png"]


def test_without_them(dataset):
    left = without(dataset, unreadable(dataset))
    assert left.counts() == {"ants": 6, "bees": 5}
    assert left.notes == ("skipped: 8 images that can't be read",)
    assert unreadable(left) == {}
    with pytest.raises(DataError, match="No image can be read of bees in"):
        without(dataset, dict.fromkeys(dataset.ids[6:], ""))


def test_ten_are_named(tmp_path):
    many = {f"{number}.jpg": "an empty file" for number in range(12)}
    message = str(unreadable_error(many, "; skip"))
    assert message.startswith("Cannot read 12 images: 0.jpg (an empty file), 1.jpg")
    assert message.endswith("9.jpg (an empty file) … and 2 more; replace or remove them; skip.")


def test_a_batch_names_all_of_its_own(dataset):
    with pytest.raises(DataError, match=r"8 images: bees/empty\.jpg \(an empty file\), bees/film"):
        ImageArray(dataset, size=8)[:]


def test_an_image_that_is_gone(dataset, tmp_path):
    (tmp_path / "ants" / "good.png").unlink()
    assert "No such file" in unreadable(dataset)["ants/good.png"]
