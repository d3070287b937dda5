import hashlib
import io
import re
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest
from PIL import Image

from vggjax.data import load_demo
from vggjax.demo import (
    CLASS_COUNTS,
    VERSION,
    Variation,
    class_names,
    demo_folder,
    render_image,
    tree,
)
from vggjax.demo.canvas import PIXELS, SIDE, Pose, coverage, rotation
from vggjax.demo.classes import demo_classes
from vggjax.demo.shapes import SHAPES
from vggjax.demo.textures import TEXTURES
from vggjax.demo.tree import drawing
from vggjax.errors import DataError

NOTHING = {field.name: 0 for field in fields(Variation)}
STILL = Variation(**{**NOTHING, "scale": (0.9, 0.9), "contrast": (1, 1)})


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VGGJAX_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def few_classes(monkeypatch):
    """Only the first three target classes, so that a tree is rendered at once."""
    names = class_names("target")[:3]
    monkeypatch.setattr(tree, "class_names", lambda group: names)
    return names


def shown(group):
    """The motifs that some class of a group shows."""
    classes = demo_classes(group)
    return [(one.first, one.second)[spot.second] for one in classes for spot in one.spots]


@pytest.mark.parametrize("group", ["source", "target"])
def test_names_are_numbered_and_safe(group):
    names = class_names(group)
    assert len(names) == CLASS_COUNTS[group]
    for number, name in enumerate(names, start=1):
        assert re.fullmatch(r"\d{3}\.[a-z]+(-[a-z]+)*", name)
        assert int(name[:3]) == number


def test_groups_share_shapes_and_textures_but_all_classes_differ():
    names = [one.name for group in CLASS_COUNTS for one in demo_classes(group)]
    assert len(set(names)) == len(names)
    source, target = shown("source"), shown("target")
    assert {motif.shape for motif in target} <= {motif.shape for motif in source}
    assert {motif.texture for motif in target} <= {motif.texture for motif in source}


def test_every_fourth_class_has_two_close_relatives():
    classes = demo_classes("target")
    for base, retextured, rearranged in zip(
        classes[::4], classes[1::4], classes[2::4], strict=True
    ):
        assert retextured.layout == base.layout
        assert retextured.first.shape == base.first.shape
        assert retextured.first.texture != base.first.texture
        assert (rearranged.first, rearranged.second) == (base.first, base.second)
        assert rearranged.layout != base.layout


def test_image_is_rgb_bytes_and_uses_the_range():
    image = render_image("target", 0, 0)
    assert image.shape == (64, 64, 3)
    assert image.dtype == np.uint8
    assert np.ptp(image) > 80


def test_image_depends_on_its_numbers_only():
    image = render_image("source", 5, 7)
    np.random.seed(1)  # noqa: NPY002 - the global generator must not matter
    render_image("source", 5, 6)
    assert np.array_equal(image, render_image("source", 5, 7))
    others = [("source", 5, 8), ("source", 6, 7), ("target", 5, 7)]
    assert not any(np.array_equal(image, render_image(*other)) for other in others)


def test_the_images_are_those_that_the_numbers_are_of():
    """Drawn and encoded alike by Pillow 11.2.1 to 13.0.0; before, edges differ."""
    digest = hashlib.sha256()
    for group in ("target", "source"):
        for label in range(CLASS_COUNTS[group]):
            for number in (0, 1, 40):
                digest.update(render_image(group, label, number).tobytes())
    assert digest.hexdigest()[:16] == "d82672cc25592cb7"
    assert drawing()[:16] == "c4611f52489fa334"


def test_what_another_pillow_drew_is_not_taken(cache, few_classes, monkeypatch):
    first = demo_folder("target", 1)
    monkeypatch.setattr(tree, "drawing", lambda: "0123456789abcdef")
    second = demo_folder("target", 1)
    assert first != second
    assert first.is_dir()
    assert second.is_dir()


def test_another_process_renders_the_same_image():
    code = (
        "import sys; from vggjax.demo import render_image;"
        "sys.stdout.buffer.write(render_image('target', 3, 11).tobytes())"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert answer.stdout == render_image("target", 3, 11).tobytes()


def test_images_of_a_class_differ_a_lot():
    images = np.stack([render_image("target", 4, i) for i in range(8)]).astype(float)
    distances = [np.abs(a - b).mean() for i, a in enumerate(images) for b in images[:i]]
    assert min(distances) > 10


def test_object_stands_out_whatever_its_colours_are():
    index = next(i for i, one in enumerate(demo_classes("target")) if one.layout == "{0}")
    images = [render_image("target", index, i, STILL).astype(float) for i in range(4)]
    edges = [np.abs(np.diff(image.mean(2), axis=0)).max() for image in images]
    assert min(edges) > 15


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("middle", 0, 0), "source and target"),
        (("target", 32, 0), "classes 0 to 31"),
        (("target", -1, 0), "classes 0 to 31"),
        (("target", 0, -1), "images from 0"),
    ],
)
def test_unknown_images_are_refused(arguments, words):
    with pytest.raises(DataError, match=words):
        render_image(*arguments)


@pytest.mark.parametrize("outlines", SHAPES.values(), ids=SHAPES)
def test_shapes_fit_their_square_and_fill_enough_of_it(outlines):
    assert all(np.abs(outline).max() <= 1.1 for outline in outlines)
    drawn = coverage(tuple(SIDE / 2 + 0.45 * SIDE * outline for outline in outlines))
    assert 0.1 < drawn.mean() < 0.75


@pytest.mark.parametrize("name", TEXTURES)
def test_textures_stay_between_their_two_colours(name):
    y, x = np.mgrid[-1:1:64j, -1:1:64j].astype(np.float32)
    pattern = TEXTURES[name](x, y, 4.0, np.random.default_rng(0))
    assert pattern.shape == (64, 64)
    assert pattern.min() >= 0
    assert pattern.max() <= 1
    assert (np.ptp(pattern) > 0.9) == (name != "plain")


def test_a_pose_can_be_undone():
    pose = Pose(20 * rotation(0.4), np.array([30.0, 35.0]), np.array([0.004, -0.003]))
    points = np.stack(pose.undo(PIXELS), axis=-1)[10:50:10, 20]
    pixels = [(20.5, 10.5), (20.5, 20.5), (20.5, 30.5), (20.5, 40.5)]
    np.testing.assert_allclose(pose.apply(points), pixels, atol=1e-3)


def test_tree_is_laid_out_like_caltech256_and_read_back(cache, few_classes):
    data = load_demo("target", 2)
    assert data.demo
    assert data.name == "demo"
    assert data.class_names == few_classes
    assert data.counts() == dict.fromkeys(few_classes, 2)
    folder = cache / "demo" / f"v{VERSION}-{drawing()[:8]}" / "target-2"
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))
    assert files == sorted(
        f"{name}/{name[:3]}_{number:04d}.jpg" for name in few_classes for number in (1, 2)
    )
    assert data.ids == tuple(files)
    decoded = np.asarray(Image.open(io.BytesIO(data.read(data.ids[3]))))
    truth = render_image("target", 1, 1)
    assert decoded.shape == truth.shape
    assert np.abs(decoded.astype(int) - truth).mean() < 12  # JPEG, with its coarser colours


def test_tree_is_rendered_once_and_grows_by_the_same_images(cache, few_classes, monkeypatch):
    small, large = load_demo("target", 1), load_demo("target", 2)
    assert all(small.read(name) == large.read(name) for name in small.ids)
    monkeypatch.setattr(tree, "render_image", lambda *_: pytest.fail("rendered again"))
    assert load_demo("target", 2).ids == large.ids


@pytest.mark.parametrize("per_class", [0, -3, 10000])
def test_impossible_numbers_of_images_are_refused(cache, per_class):
    with pytest.raises(DataError, match="1 to 9999"):
        load_demo("target", per_class)
    assert not (cache / "demo").exists()


def test_cache_that_cannot_be_written_is_one_clear_error(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("VGGJAX_CACHE", str(blocked))
    with pytest.raises(DataError, match="VGGJAX_CACHE"):
        load_demo("target", 1)
