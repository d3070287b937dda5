"""Photos as people hand them over: each kind gives the same picture, anything else a sentence."""

import io

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from vggjax.errors import DataError
from vggjax.training.photos import gather

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)


@pytest.fixture
def file(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def encoded():
    content = io.BytesIO()
    Image.fromarray(PIXELS).save(content, "png")
    return content.getvalue()


@pytest.mark.parametrize(
    "kind",
    [
        lambda file: file,
        str,
        lambda file: encoded(),
        lambda file: bytearray(encoded()),
        lambda file: memoryview(encoded()),
        lambda file: Image.fromarray(PIXELS),
        lambda file: PIXELS,
    ],
    ids=["path", "text", "bytes", "bytearray", "memoryview", "PIL image", "array"],
)
def test_each_kind_is_the_same_picture(kind, file):
    for photos, single in ((kind(file), True), ([kind(file)], False)):
        found = gather(photos)
        assert (found.single, len(found)) == (single, 1)
        np.testing.assert_array_equal(found.decoded(20, "nearest"), [PIXELS])


def test_a_tilde_is_the_user_s_home(file, monkeypatch):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(file.parent))
    assert gather("~/photo.png").sources == (file,)
    assert gather("~").sources == (file,)


def test_a_folder_stands_for_the_images_below_it(file):
    (file.parent / "more").mkdir()
    file.rename(file.parent / "more" / "b.png")
    Image.fromarray(PIXELS).convert("L").save(file.parent / "a.jpg")
    (file.parent / "notes.txt").write_text("no image")
    found = gather(file.parent)
    assert [name.removeprefix(f"{file.parent}/") for name in found.names] == ["a.jpg", "more/b.png"]
    assert not found.single


@pytest.mark.parametrize(
    "kind",
    [
        lambda file: [str(file)] * 2,
        lambda file: (file, PIXELS),
        lambda file: iter([file, file]),
        lambda file: np.array([str(file)] * 2),
        lambda file: np.array([file, file]),
        lambda file: np.stack([PIXELS] * 2),
        lambda file: jnp.stack([PIXELS] * 2),
        lambda file: [jnp.asarray(PIXELS)] * 2,
    ],
    ids=["list", "tuple", "iterator", "texts", "objects", "array", "JAX", "list of JAX"],
)
def test_several_are_several(kind, file):
    found = gather(kind(file))
    assert (found.single, len(found)) == (False, 2)
    np.testing.assert_array_equal(found.decoded(20, "nearest"), [PIXELS] * 2)


def test_an_array_of_another_library_is_one_picture():
    found = gather(jnp.asarray(PIXELS))
    assert found.single
    np.testing.assert_array_equal(found.decoded(20, "nearest"), [PIXELS])


def test_gray_and_transparent_arrays_are_images():
    gray = PIXELS[..., 0]
    opaque = np.dstack([PIXELS, np.full((20, 20), 255, np.uint8)])
    for array, expected in (
        (gray, np.stack([gray] * 3, -1)),
        (gray[..., None], np.stack([gray] * 3, -1)),
        (opaque, PIXELS),
    ):
        np.testing.assert_array_equal(gather(array).decoded(20, "nearest")[0], expected)
    batch = gather(np.stack([PIXELS, PIXELS[::-1]]))
    assert batch.names == ("image 1", "image 2")
    np.testing.assert_array_equal(batch.decoded(20, "nearest")[1], PIXELS[::-1])


@pytest.mark.parametrize(
    ("photos", "sentence"),
    [
        (3.5, "not float"),
        (None, "not NoneType"),
        ({"a": PIXELS}, "not dict"),
        ([PIXELS, 7], "not int"),
        ([], "There are no photos"),
        ("nowhere.jpg", "There is no image file nowhere.jpg"),
        ("", "There is no image file of an empty name"),
        ([""], "There is no image file of an empty name"),
        (["nowhere.jpg"], "There is no image file nowhere.jpg"),
        ("https://example.org/cat.jpg", "download the image first"),
        (PIXELS / 255, "uint8, 0 to 255, not float64"),
        (np.zeros((4, 4, 2), np.uint8), r"\(H, W, 3\), not \(4, 4, 2\)"),
        (np.zeros(5, np.uint8), r"not \(5,\)"),
        (np.zeros((1, 1, 4, 4, 3), np.uint8), r"\(N, H, W, 3\), not \(1, 1, 4, 4, 3\)"),
    ],
)
def test_anything_else_is_one_sentence(photos, sentence):
    with pytest.raises(DataError, match=sentence) as error:
        gather(photos)
    assert "\n" not in str(error.value)


def test_what_cannot_be_read_is_named(file, tmp_path):
    (tmp_path / "cut.png").write_bytes(file.read_bytes()[:80])
    photos = gather([file, tmp_path / "cut.png", b"hello"])
    with pytest.raises(DataError, match=r"cut\.png|image 3"):
        photos.decoded(20, "nearest")
    kept, problems = photos.readable()
    assert kept.names == (str(file),)
    assert ["cut.png" in problems[0], "image 3" in problems[1]] == [True, True]
