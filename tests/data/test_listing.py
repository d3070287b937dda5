"""The one rule of what is looked at in a folder, and its words."""

import json

import pytest

from vggjax.data import images_below, scan_below
from vggjax.data.listing import LeftOut, in_words, list_folder
from vggjax.errors import DataError

SYSTEM = ("$RECYCLE.BIN", "System Volume Information", "lost+found", "Thumbs", "__MACOSX")
SERVER = ("@eaDir", "#recycle")
HIDDEN = (".ipynb_checkpoints", ".git")


def write(folder, *names, content=b""):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (SYSTEM, "folder* of the system"),
        (SERVER, "folder* of a file server"),
        (HIDDEN, "hidden folder*"),
        (("BACKGROUND_Google", "257.clutter"), "folder* of clutter"),
        (("__pycache__", "node_modules"), "folder* of a tool"),
    ],
)
def test_folders_that_nobody_made_for_images(names, kind, tmp_path):
    write(tmp_path, "mine/1.jpg", *(f"{name}/1.jpg" for name in names))
    listing = list_folder(tmp_path)
    assert listing.folders == ("mine",)
    assert listing.left_out == {kind: len(names)}
    assert images_below(tmp_path) == [tmp_path / "mine" / "1.jpg"]


@pytest.mark.usefixtures("no_heif")
def test_files_are_kept_by_their_ending_or_their_first_bytes(tmp_path):
    write(tmp_path, "b.JPG", "a.png", "IMG.HEIC", "c.txt", "d.tar.gz", ".x.jpg", "._a.png")
    write(tmp_path, "Thumbs.db", "notes", "scan.001")
    write(tmp_path, "photo", "scan.002", content=b"\xff\xd8\xff\xe0 and so on")
    (tmp_path / "lost.jpg").symlink_to(tmp_path / "absent")
    listing = list_folder(tmp_path)
    assert listing.images == ("a.png", "b.JPG", "photo", "scan.002")
    assert listing.left_out == {
        ".HEIC": 1,
        ".txt": 1,
        ".gz": 1,
        "hidden file*": 2,
        "file* of the system": 1,
        "file* without an ending": 2,
        "broken link*": 1,
    }


def test_what_this_program_wrote_is_no_source_of_images(tmp_path):
    """A run's folder, at any depth, and a classifier's; but not the folder that was asked for."""
    result = json.dumps({"experiment": "caltech"}, indent=2).encode()
    write(tmp_path, "runs/caltech/mine/result.json", "result.json", content=result)
    write(tmp_path, "runs/caltech/mine/maps.png", "a.jpg", "other/b.jpg", "other/result.json")
    write(tmp_path, "kept/metadata/x", "kept/params/x", "kept/params/y.png")
    found, (note,) = scan_below(tmp_path)
    assert [path.name for path in found] == ["a.jpg", "b.jpg"]
    assert "2 folders of this program's own output" in note


@pytest.mark.usefixtures("no_heif")
def test_a_folder_without_images_says_what_is_there(tmp_path):
    write(tmp_path, "a/1.HEIC", "2.heic")
    with pytest.raises(DataError, match=r"no images in .*1 \.HEIC \(pip install pillow-heif"):
        images_below(tmp_path)


def test_words():
    assert in_words({}) == ""
    assert in_words({"hidden file*": 1200, "loose image*": 1}) == (
        "1 loose image, 1,200 hidden files"
    )
    many = LeftOut({f".x{n}": 10 - n for n in range(8)})
    assert in_words(many, most=2) == "10 .x0, 9 .x1, 33 of other kinds"
