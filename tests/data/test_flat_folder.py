import numpy as np
import pytest

from vggjax.data import (
    load_flat_folder,
    make_reference_split,
    make_split,
    reuse_or_make,
    save_splits,
)
from vggjax.errors import DataError


@pytest.fixture
def folder(tmp_path):
    """Twelve bikers and ten goths, and files that are neither."""
    root = tmp_path / "tribes"
    root.mkdir()
    for name, count in (("goth", 10), ("biker", 12)):
        for number in range(count):
            file = f"{name}_group_pic{number:05}.jpg"
            (root / file).write_text(file)
    for stray in (".hidden_1.jpg", "notes_1.txt"):
        (root / stray).write_text("x")
    (root / "sub_folder.jpg").mkdir()
    return root


def test_the_label_is_the_name_up_to_the_first_underscore(folder):
    dataset = load_flat_folder(folder)
    assert dataset.name == "tribes"
    assert dataset.counts() == {"biker": 12, "goth": 10}
    assert dataset.ids[0] == "biker_group_pic00000.jpg"
    assert dataset.labels.tolist() == [0] * 12 + [1] * 10
    assert dataset.read(dataset.ids[3]) == b"biker_group_pic00003.jpg"


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (["american_bulldog_1.jpg", "american_bulldog_22 (1).jpg", "beagle_3.png"],
         ["american_bulldog", "american_bulldog", "beagle"]),
        (["american_pit_bull_terrier_10.jpg", "american_bulldog_1.jpg"],
         ["american_bulldog", "american_pit_bull_terrier"]),
        (["biker_group-pic00001.jpg", "hip_hop-pic00002.jpg"], ["biker", "hip"]),
        (["biker_group-pic00001.jpg", "goth_night_2.jpg"], ["biker", "goth"]),
    ],
)  # fmt: skip
def test_a_class_of_several_words_stands_before_its_number(names, classes, tmp_path):
    for name in names:
        (tmp_path / name).write_text(name)
    dataset = load_flat_folder(tmp_path)
    assert [dataset.class_names[label] for label in dataset.labels] == classes


@pytest.mark.usefixtures("no_heif")
def test_what_is_left_out_is_told(folder):
    (folder / "biker_1.HEIC").write_bytes(b"")
    assert load_flat_folder(folder).notes == (
        "left out: 1 .HEIC (pip install pillow-heif reads them), 1 .txt, 1 folder, 1 hidden file",
    )


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "There are no images in .*tribes; .*biker_group-pic00001.jpg"),
        (["biker_1.jpg", "goth.jpg"], r"goth\.jpg has no class"),
        (["_1.jpg", "goth_a.jpg"], r"_1\.jpg has no class before a `_`"),
        (["a_1.jpg", "b_1.jpg", "c_2.jpg", "d.jpg", "e_f.jpg"],
         r"d\.jpg and .*e_f\.jpg have no class before a last `_` and number; rename them"),
        (["biker_1.jpg", "biker_2.jpg"], "are of the class biker; it needs at least 2"),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence(folder, names, message):
    for path in folder.glob("*_group*.jpg"):
        path.unlink()
    for name in names:
        (folder / name).write_text("x")
    with pytest.raises(DataError, match=message):
        load_flat_folder(folder)
    for path in (folder / "missing", folder / "notes_1.txt"):
        with pytest.raises(DataError, match=r"There is no folder .*lie flat"):
            load_flat_folder(path)


def test_the_reference_split_joins_what_the_default_keeps_apart(folder):
    dataset = load_flat_folder(folder)
    ours = make_split(dataset, 4, 2, 3, seed=7)
    reference = make_reference_split(dataset, 4, 5, 5, seed=7)
    for name, part in reference.classes.items():
        assert part.validation == part.test
        assert part.train == ours.classes[name].train
        assert part.test == (*ours.classes[name].validation, *ours.classes[name].test)
        assert not set(part.train) & set(part.test)
    assert (reference.val, reference.test) == (5, 5)
    np.testing.assert_array_equal(
        reference.indices(dataset, "test"), reference.indices(dataset, "validation")
    )


def test_the_reference_split_is_kept(folder, tmp_path):
    dataset = load_flat_folder(folder)
    arguments = tmp_path / "split.json", dataset, 4, 6, 6, [0, 1]
    made = reuse_or_make(*arguments, make=make_reference_split)
    save_splits(tmp_path / "split.json", made)
    assert reuse_or_make(*arguments, make=None) == made


@pytest.mark.parametrize("sizes", [(4, 6), (1, 1)])
def test_sizes_of_the_reference_split(folder, sizes):
    with pytest.raises(DataError, match="the same images"):
        make_reference_split(load_flat_folder(folder), 2, *sizes)
