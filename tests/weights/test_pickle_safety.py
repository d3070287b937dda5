import builtins
import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from vggjax.errors import WeightsError
from vggjax.weights.formats import read_weights
from vggjax.weights.torch_pickle import LEGACY_MAGIC

TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"
FLOATS = b"ctorch\nFloatStorage\n"


class Asks:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def zip_file(path, pickled, members=(), compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickled)
        for name, content in members:
            archive.writestr(f"archive/data/{name}", content)
    return path


def legacy_file(path, pickled, storages=b""):
    file = io.BytesIO()
    for item in (LEGACY_MAGIC, 1001, {"little_endian": True}):
        pickle.dump(item, file, 2)
    path.write_bytes(file.getvalue() + pickled + pickle.dumps(["0"], 2) + storages)
    return path


def number(value):
    return pickle.dumps(value, 2)[2:-1]


def tensor_pickle(count=4, offset=0, shape=(4,), strides=(1,), storage=FLOATS):
    """The pickle of {"a": tensor} with any sizes whatever."""
    pid = b"(" + number("storage") + storage + number("0") + number("cpu") + number(count)
    pid += number(None) + b"tQ"
    sizes = number(offset) + number(shape) + number(strides)
    return b"\x80\x02}" + number("a") + TENSOR + b"(" + pid + sizes + b"tRs."


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
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}\x8c\x08__dict__}sb.",  # set on a function
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
    good = zip_file(tmp_path / "good.pth", tensor_pickle(), [("0", np.ones(4, "f4").tobytes())])
    np.testing.assert_array_equal(read_weights(good).tensors["a"], np.ones(4, "f4"))


@pytest.mark.parametrize("write", ["zip", "legacy"])
@pytest.mark.parametrize(
    "sizes",
    [
        {"shape": (10**6, 10**6), "strides": (0, 0)},
        {"shape": (2, 4), "strides": (0, 1)},
        {"shape": (5,)},
        {"offset": 1},
        {"offset": -1},
        {"shape": (2,), "strides": (4,)},
        {"shape": (2, 2)},
        {"shape": (-4,)},
        {"shape": (2**62, 4), "strides": (1, 2**62)},
        {"strides": (-1,)},
        {"shape": ("4",)},
        {"shape": (4.0,)},
        {"shape": (1,) * 70, "strides": (1,) * 70},
        {"count": 10**15, "shape": (10**15,)},
        {"count": 5, "shape": (5,)},
        {"count": -4},
        {"count": True},
        {"storage": b"ccollections\nOrderedDict\n"},
    ],
)
def test_impossible_sizes(tmp_path, write, sizes):
    numbers = np.ones(4, "f4").tobytes()
    if write == "zip":
        path = zip_file(tmp_path / "a.pth", tensor_pickle(**sizes), [("0", numbers)])
    else:
        count = (4).to_bytes(8, "little")
        path = legacy_file(tmp_path / "a.pth", tensor_pickle(**sizes), count + numbers)
    with pytest.raises(WeightsError):
        read_weights(path)


def test_compressed_members(tmp_path):
    bomb = [("0", bytes(4 * 10**7))]
    path = zip_file(tmp_path / "bomb.pth", tensor_pickle(10**7), bomb, zipfile.ZIP_DEFLATED)
    with pytest.raises(WeightsError, match="compressed"):
        read_weights(path)


@pytest.mark.parametrize(("key", "message"), [("1", "damaged"), ("0", "damaged")])
def test_missing_or_short_storage(tmp_path, key, message):
    path = zip_file(tmp_path / "a.pth", tensor_pickle(), [(key, bytes(12))])
    with pytest.raises(WeightsError, match=message):
        read_weights(path)


@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_flipped_bytes_never_crash(torch_files, tmp_path, kind):
    """Damage is either without consequence to the shapes, or one clear error."""
    content = torch_files[kind].read_bytes()
    generator = np.random.default_rng(0)
    path = tmp_path / "flipped.pth"
    refused = 0
    for place in generator.integers(0, min(len(content), 6000), 150):
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(generator.integers(8))
        path.write_bytes(flipped)
        try:
            tensors = read_weights(path).tensors
        except WeightsError:
            refused += 1
        else:
            assert sum(item.size for item in tensors.values()) < 10**5
    assert refused > 10
