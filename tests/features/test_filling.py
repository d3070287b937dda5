"""Programs that want the same features share the work, whenever each of them comes."""

import numpy as np
import pytest

from vggjax.features import extract, extract_layers, filling
from vggjax.features.cache import FeatureStore
from vggjax.features.filling import claimed


def claims(folder, counts, batch_size):
    """The images that each of several programs takes, of `counts` it is asked for."""
    keys = np.random.default_rng(0).integers(256, size=(max(counts), 32), dtype=np.uint8)
    works = []
    for count in counts:
        store = FeatureStore(folder, (1,), np.dtype(np.float32))
        works.append(claimed({"": store}, keys, np.arange(count), batch_size).get(""))
    for work in works:
        if work:
            work.writer.close()
    return [work and (work.indices[0], work.indices[-1] + 1) for work in works]


def test_each_takes_a_part_of_what_nobody_has_begun(tmp_path):
    assert claims(tmp_path, [100, 100, 100, 100], 10) == [(0, 40), (40, 80), (80, 100), None]


def test_of_many_images_more_are_taken_at_a_time(tmp_path):
    """A sixteenth, in whole batches, but no more than 64 of these."""
    assert claims(tmp_path, [3_200, 3_200], 32) == [(0, 192), (192, 352)]
    assert claims(tmp_path / "more", [8_000, 7_000], 4) == [(0, 256), (256, 512)]


@pytest.mark.parametrize("batch_size", [8, 16])
def test_another_program_that_comes_later_computes_a_part(
    backbone, images, tmp_path, monkeypatch, batch_size
):
    """It starts while the first computes its first batch, and ends before the second."""
    alone = extract(backbone, images, cache=tmp_path / "alone")[:]
    images.decoded, inside, computed = 0, [], []
    real = filling.branch_outputs

    def counted(chains, inputs, *, indices, batch_size):
        computed.extend(indices.tolist())
        for found in real(chains, inputs, indices=indices, batch_size=batch_size):
            if not inside:
                inside.append(len(computed))
                rest = images.subset(np.arange(len(computed), 70))
                extract(backbone, rest, batch_size=batch_size, cache=tmp_path)
                del computed[inside[0] :]
            yield found

    monkeypatch.setattr(filling, "branch_outputs", counted)
    found = extract(backbone, images, batch_size=batch_size, cache=tmp_path)
    assert inside == [4 * batch_size]
    assert computed == list(range(4 * batch_size)), "all others were there by then"
    np.testing.assert_array_equal(found[:], alone)


def test_an_image_s_layers_are_computed_at_once(small_vgg, images, tmp_path, monkeypatch):
    """Also where the layers lack different images: none goes through the network twice."""
    layers = ["block4_pool", "fc2"]
    extract(small_vgg.until("fc2"), images.subset(np.arange(30)), cache=tmp_path)
    images.decoded, computed = 0, []
    real = filling.branch_outputs

    def counted(chains, inputs, *, indices, batch_size):
        computed.extend(indices.tolist())
        return real(chains, inputs, indices=indices, batch_size=batch_size)

    monkeypatch.setattr(filling, "branch_outputs", counted)
    extract_layers(small_vgg, layers, images, batch_size=4, cache=tmp_path)
    assert computed == list(range(70))
    assert images.decoded <= 72
