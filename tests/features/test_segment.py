"""What is on disk is used only if it is what was written, and computed again otherwise."""

import resource
from contextlib import closing

import numpy as np
import pytest

from vggjax.errors import DataError
from vggjax.features import extract
from vggjax.features.cache import FeatureStore
from vggjax.features.filling import claimed
from vggjax.features.segment import Segment

SHAPE = (3,)


def store_at(folder, dtype=np.float32):
    return FeatureStore(folder, SHAPE, np.dtype(dtype), {"about": "a test"})


def keys_of(*numbers):
    keys = np.zeros((len(numbers), 32), np.uint8)
    keys[:, 0], keys[:, 1] = np.array(numbers) % 256, np.array(numbers) // 256
    return keys


def fill(store, *numbers):
    with closing(store.writer(keys_of(*numbers))) as writer:
        writer.write(np.array([[number, 0, -number] for number in numbers], np.float32))


def claim(store, keys):
    return claimed({"": store}, keys, np.arange(len(keys)), 32).get("")


@pytest.fixture
def extracted(backbone, images, tmp_path):
    """The features of 70 images, and their file."""
    before = np.asarray(extract(backbone, images, cache=tmp_path))
    (file,) = tmp_path.rglob("*.rows")
    images.decoded = 0
    return before, file


@pytest.mark.parametrize("kept_bytes", [0, 10, 128, 200, 3000, -1])
def test_a_truncated_file_is_computed_again(
    backbone, images, tmp_path, extracted, kept_bytes, capsys
):
    before, file = extracted
    file.write_bytes(file.read_bytes()[:kept_bytes])
    np.testing.assert_array_equal(extract(backbone, images, cache=tmp_path)[:], before)
    assert "amaged" in capsys.readouterr().err
    images.decoded = 0
    extract(backbone, images, cache=tmp_path)
    assert images.decoded == 0
    assert capsys.readouterr().err == "", "said once"


def test_any_flipped_bit_is_noticed(backbone, images, tmp_path, extracted):
    """In the line, a key, a checksum or a row: the numbers stay, and little is computed again."""
    before, file = extracted
    whole, generator = file.read_bytes(), np.random.default_rng(0)
    places = [*generator.integers(len(whole), size=60), 20, 130, 128 + 33, len(whole) - 1]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << generator.integers(8)
        for other in tmp_path.rglob("*.rows"):
            other.unlink()
        file.write_bytes(damaged)
        images.decoded = 0
        np.testing.assert_array_equal(extract(backbone, images, cache=tmp_path)[:], before)
        line = place < 128
        assert images.decoded == (96 if line else 32), "in batches of 32"


def test_only_the_damaged_rows_are_computed_again(backbone, images, tmp_path, extracted, capsys):
    _, file = extracted
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    extract(backbone, images, cache=tmp_path)
    assert "Damaged features, 1 in" in capsys.readouterr().err
    first, second = (FeatureStore(file.parent, (16,), np.dtype(np.float32)) for _ in range(2))
    assert sorted(len(segment) for segment in first.segments) == [1, 70]
    file.unlink()
    assert len(second.missing(images.keys())) == 69


def test_what_another_finishes_is_not_free(tmp_path):
    keys = keys_of(1, 2)
    store, other = store_at(tmp_path), store_at(tmp_path)
    with closing(other.writer(keys)) as writer:
        writer.write(np.ones((1, 3), np.float32))
        assert len(store.free(keys)) == 0, "one is there, the other is being computed"
        assert store.missing(keys).tolist() == [1]
        writer.write(np.ones((1, 3), np.float32))
    assert len(store.free(keys)) == 0
    assert len(store.missing(keys)) == 0


def test_a_writer_may_end_between_two_looks(tmp_path, monkeypatch):
    keys = keys_of(1, 2)
    store, other = store_at(tmp_path), store_at(tmp_path)
    writer = other.writer(keys)
    is_growing = Segment.is_growing

    def ends(segment):
        growing = is_growing.fget(segment)
        if growing:
            writer.write(np.ones((2, 3), np.float32))
            writer.close()
        return growing

    monkeypatch.setattr(Segment, "is_growing", property(ends))
    assert len(store.free(keys)) == 0
    assert len(store.missing(keys)) == 0


def test_a_whole_copy_of_a_damaged_row_is_used(tmp_path):
    store = store_at(tmp_path)
    fill(store, 1, 2)
    (file,) = tmp_path.glob("*.rows")
    content = bytearray(file.read_bytes())
    fill(store, 1)
    content[-20] ^= 1  # the first row's
    file.write_bytes(content)
    again = store_at(tmp_path)
    assert len(again.missing(keys_of(1, 2))) == 0
    np.testing.assert_array_equal(again.select(keys_of(1))[:], [[1, 0, -1]])


def test_what_lies_about_its_size_is_not_believed(tmp_path):
    fill(store_at(tmp_path), 1)
    (file,) = tmp_path.glob("*.rows")
    content = file.read_bytes()
    for count in (b"999999999999999", b"0", b"-1", b"1e9", b""):
        line = content[:128].replace(b": 1 rows", b": " + count + b" rows")[:127].ljust(127) + b"\n"
        (tmp_path / "b.rows").write_bytes(line + content[128:])
        assert len(store_at(tmp_path).segments) == (2 if count == b"0" else 1), count


def test_another_layer_s_file_is_not_taken(tmp_path, capsys):
    fill(store_at(tmp_path), 1)
    other = FeatureStore(tmp_path, (4,), np.dtype(np.float32))
    assert not other.segments
    assert "amaged" in capsys.readouterr().err


def test_rows_are_there_before_the_file_is_full(tmp_path):
    """After a kill: the claim is gone, and so is what was not written yet."""
    store, keys = store_at(tmp_path), keys_of(1, 2, 3)
    with closing(store.writer(keys)) as writer:
        writer.write(np.ones((2, 3), np.float32))
        other = store_at(tmp_path)
        assert other.missing(keys).tolist() == [2]
        assert claim(other, keys) is None, "another is computing it"
    work = claim(other, keys)
    assert work.indices.tolist() == [2]
    work.writer.close()


def test_what_one_computes_the_other_leaves(tmp_path):
    one, two = store_at(tmp_path), store_at(tmp_path)
    first = claim(one, keys_of(1, 2, 3))
    second = claim(two, keys_of(2, 3, 4, 5))
    assert second.indices.tolist() == [2, 3]
    for work in (first, second):
        work.writer.close()
    assert not list(tmp_path.glob("*.rows")), "nothing was written"


def test_files_of_several_machines_are_put_together(tmp_path):
    """Each had a cache of its own; one folder with all their files is the whole."""
    places = [tmp_path / str(number) for number in range(3)]
    for number, place in enumerate(places):
        fill(store_at(place), 2 * number, 2 * number + 1)
    for place in places[1:]:
        for file in place.glob("*.rows"):
            file.rename(places[0] / file.name)
    store, keys = store_at(places[0]), keys_of(*range(6))
    assert len(store.missing(keys)) == 0
    assert store.select(keys)[:][:, 0].tolist() == list(range(6))


def test_thousands_of_files_need_few_descriptors(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        store = store_at(tmp_path)
        for number in range(600):
            fill(store, number)
        again, keys = store_at(tmp_path), keys_of(*range(600))
        assert len(again.missing(keys)) == 0
        np.testing.assert_array_equal(again.select(keys)[:][:, 0], range(600))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_too_many_open_files_are_no_damage(tmp_path, monkeypatch):
    fill(store_at(tmp_path), 1)

    def refuse(*_):
        raise OSError(24, "Too many open files", "a.rows")

    monkeypatch.setattr(Segment, "open", refuse)
    with pytest.raises(OSError, match="Too many"):
        store_at(tmp_path)
    monkeypatch.undo()
    assert len(store_at(tmp_path).missing(keys_of(1))) == 0


def test_a_full_disk_is_said_and_costs_no_row(tmp_path, monkeypatch):
    monkeypatch.setenv("VGGJAX_CACHE", str(tmp_path))
    store = store_at(tmp_path)
    writer = store.writer(keys_of(1, 2))
    writer.write(np.ones((1, 3), np.float32))

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "_put", refuse)
    with pytest.raises(DataError, match="No space left on device"):
        writer.write(np.ones((1, 3), np.float32))
    writer.close()
    assert store_at(tmp_path).missing(keys_of(1, 2)).tolist() == [1]


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "bfloat16"])
def test_all_types_come_back_bit_by_bit(tmp_path, dtype):
    import jax.numpy as jnp

    store = store_at(tmp_path, jnp.dtype(dtype))
    fill(store, 1, 2, 3)
    store.refresh()
    assert len(store.missing(keys_of(3, 1, 2))) == 0
    found = store.select(keys_of(3, 1, 2))
    assert found.dtype == jnp.dtype(dtype)
    np.testing.assert_array_equal(found[:].astype(np.float32)[:, 0], [3, 1, 2])
