import builtins
import os
import pickle
import zipfile

import numpy as np
import pytest
from pickle_helpers import FLOATS, TENSOR, legacy_file, number, table, tensor, zip_file

from vggjax.errors import WeightsError
from vggjax.weights.formats import read_weights


class Asks:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("write", [zip_file, legacy_file])
@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    "content",
    [
        lambda marker: Asks(os.system, f"touch {marker}"),
        lambda marker: {"features.0.weight": Asks(builtins.eval, f"open({marker!r}, 'w')")},
        lambda marker: {"state_dict": [({"deep": Asks(os.mkdir, marker)},)]},
    ],
)
def test_nothing_is_executed(tmp_path, write, protocol, content):
    marker = tmp_path / "executed"
    path = write(tmp_path / "evil.pth", pickle.dumps(content(str(marker)), protocol))
    with pytest.raises(WeightsError, match="nothing of it was executed") as caught:
        read_weights(path)
    assert str(path) in str(caught.value)
    assert not marker.exists()


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02" + TENSOR + b"}\x8c\x08__dict__}sb.",  # set on a function
        b"\x80\x02" + FLOATS + b"}" + number("dtype") + number("x") + b"sb.",  # set on a type
        b"\x80\x02cvggjax.weights.safe_pickle\n_allowed\n.",
        b"\x80\x02ccollections\nOrderedDict.fromkeys\n.",
        b"\x80\x04" + number("collections") + number("OrderedDict.fromkeys") + b"\x93.",
        b"\x80\x02(iposix\nsystem\n.",
        b"\x80\x02\x82\x01.",  # an extension code
        b"\x80\x02" + FLOATS + b")\x81.",  # NEWOBJ
        b"\x80\x05\x96" + b"\xff" * 7 + b"\x00.",  # a bytearray of 2**56 bytes
        b"\x80\x02Nr\xff\xff\xff\x7f.",  # the memo's entry 2**31 - 1
        b"\x80\x02" + FLOATS + b")R.",  # calling a type
        b"\x80\x02]" + FLOATS + b"Q.",
        b"\x80\x02" + b"(" * 100_000 + b"t.",
        b"",
        b"\x80\x02",
    ],
)
def test_strange_pickles(tmp_path, pickled):
    with pytest.raises(WeightsError):
        read_weights(zip_file(tmp_path / "strange.pth", pickled))
    # and nothing of the reader has been changed by it
    good = zip_file(tmp_path / "good.pth", table(a=tensor()), {"0": np.ones(4, "f4").tobytes()})
    np.testing.assert_array_equal(read_weights(good).tensors["a"], np.ones(4, "f4"))


@pytest.mark.parametrize("write", [zip_file, legacy_file])
@pytest.mark.parametrize(
    "sizes",
    [
        *({"shape": shape} for shape in [(5,), (2, 2), (-4,), ("4",), (4.0,)]),
        *({"count": count} for count in (-4, True)),
        *({"offset": offset} for offset in (1, -1)),
        {"strides": (-1,)},
        {"shape": (2,), "strides": (4,)},
        {"shape": (2, 4), "strides": (0, 1)},
        {"shape": (10**6, 10**6), "strides": (0, 0)},
        {"shape": (2**62, 4), "strides": (1, 2**62)},
        {"shape": (1,) * 70, "strides": (1,) * 70},
        *({"count": count, "shape": (count,)} for count in (5, 10**15)),
        {"storage": b"ccollections\nOrderedDict\n"},
    ],
)
def test_impossible_sizes(tmp_path, write, sizes):
    path = write(tmp_path / "a.pth", table(a=tensor(**sizes)), {"0": np.ones(4, "f4").tobytes()})
    with pytest.raises(WeightsError):
        read_weights(path)


def test_compressed_members(tmp_path):
    bomb = {"0": bytes(4 * 10**7)}
    path = zip_file(tmp_path / "b.pth", table(a=tensor(10**7)), bomb, zipfile.ZIP_DEFLATED)
    with pytest.raises(WeightsError, match="compressed"):
        read_weights(path)


@pytest.mark.parametrize("key", ["0", "1"])
def test_missing_or_short_storage(tmp_path, key):
    path = zip_file(tmp_path / "a.pth", table(a=tensor()), {key: bytes(12)})
    with pytest.raises(WeightsError, match="damaged"):
        read_weights(path)


@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_flipped_bytes_never_crash(torch_files, tmp_path, kind):
    """Damage is either without consequence to the shapes, or one clear error."""
    content = torch_files[kind].read_bytes()
    generator = np.random.default_rng(0)
    path = tmp_path / "flipped.pth"
    refused = 0
    for index in generator.integers(0, min(len(content), 6000), 150):
        flipped = bytearray(content)
        flipped[index] ^= 1 << int(generator.integers(8))
        path.write_bytes(flipped)
        try:
            tensors = read_weights(path).tensors
        except WeightsError:
            refused += 1
        else:
            assert sum(item.size for item in tensors.values()) < 10**5
    assert refused > 10
