"""The one forward pass: until the deepest layer, every row once and in order."""

import numpy as np
import pytest

from vggjax.errors import DataError, LayerError
from vggjax.features import compute, extract_layers, forward, outputs


def test_one_pass_ends_at_the_deepest_layer(small_vgg, images, monkeypatch):
    passes, prepare = [], forward.optimize_inference
    monkeypatch.setattr(
        forward, "optimize_inference", lambda c: passes.append(c.names[-1]) or prepare(c)
    )
    layers = {"block4_pool", "fc1", "block1_conv1"}
    batches = list(outputs(small_vgg, images, sorted(layers), batch_size=16))
    assert passes == ["fc1"]
    assert [batch.keys() for batch in batches] == [layers] * 5
    assert images.decoded <= 5 * 16, "each image is read once, but for the padding"


@pytest.mark.parametrize("size", [1, 16, 15, 70, 100])
def test_all_rows_come_in_order_the_last_batch_in_part(small_vgg, images, size):
    chain = small_vgg.until("block4_pool")
    batches = [batch["block4_pool"] for batch in outputs(chain, images, batch_size=size)]
    full, rest = divmod(70, size)
    assert [len(batch) for batch in batches] == [size] * full + [rest] * (rest > 0)
    found = np.concatenate(batches)
    np.testing.assert_allclose(found, chain(images.pixels), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(compute(chain, images, size), found)


def test_rows_are_those_asked_for(backbone, images):
    order = np.array([69, 3, 3, 0, 41])
    batches = list(outputs(backbone, images, indices=order, batch_size=4))
    assert [list(batch) for batch in batches] == [["fc2"]] * 2
    found = np.concatenate([batch["fc2"] for batch in batches])
    np.testing.assert_allclose(found, backbone(images.pixels[order]), rtol=1e-5, atol=1e-5)


def test_a_second_pass_compiles_nothing(backbone, images):
    compute(backbone, images, 16)
    before = forward.forward_step._cache_size()
    compute(backbone, images, 16)
    assert forward.forward_step._cache_size() == before


def test_mistakes_are_named(small_vgg, images):
    with pytest.raises(LayerError, match="There is no layer 'fc9'"):
        next(outputs(small_vgg, images, ["fc1", "fc9"]))
    with pytest.raises(LayerError, match="There is no layer 'fc9'"):
        extract_layers(small_vgg, ["fc2", "fc9"], images)
    with pytest.raises(DataError, match="no examples"):
        compute(small_vgg, images.subset(np.arange(0)))
