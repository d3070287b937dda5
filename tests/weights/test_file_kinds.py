import zipfile

import pytest

from vggjax.errors import WeightsError
from vggjax.weights.formats import read_weights


def test_found_by_content(keras_files, torch_files, tmp_path):
    expected = {
        keras_files["named.keras"]: ("keras", "Keras 3 archive"),
        keras_files["named.h5"]: ("keras", "Keras HDF5"),
        torch_files["zip"]: ("torch", "PyTorch state dict (zip format)"),
        torch_files["legacy"]: ("torch", "PyTorch state dict (legacy format)"),
        torch_files["safetensors"]: ("torch", "safetensors with PyTorch's names"),
    }
    for original, (format_, kind) in expected.items():
        for ending in (".h5", ".pth", ""):
            path = tmp_path / f"copy{ending}"
            path.write_bytes(original.read_bytes())
            foreign = read_weights(path)
            assert (foreign.format, foreign.kind) == (format_, kind)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n<!DOCTYPE html><html>404</html>", "web page"),
        (b"<?xml version='1.0'?><Error>AccessDenied</Error>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "Git LFS pointer"),
        (b"just some text that is not a weight file", "not a weight file of a known kind"),
        (b"\x80\x02]q\x00.", "torch.save did not write"),
        (b"\x00" * 1000, "not a weight file of a known kind"),
        (b"PK\x03\x04 and no more", "truncated or damaged"),
        (b"\x05\x00\x00\x00\x00\x00\x00\x00{oops", "truncated or damaged"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff{", "not a weight file of a known kind"),
    ],
)
def test_other_content(tmp_path, content, message):
    path = tmp_path / "weights.h5"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=message) as caught:
        read_weights(path)
    assert str(path) in str(caught.value)


def test_missing_and_folder(tmp_path):
    with pytest.raises(WeightsError, match="does not exist"):
        read_weights(tmp_path / "nothing.h5")
    with pytest.raises(WeightsError, match="is a folder"):
        read_weights(tmp_path)


def test_other_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", b"")
    with pytest.raises(WeightsError, match="zip archive without weights"):
        read_weights(tmp_path / "a.npz")


@pytest.mark.parametrize("kind", ["named.keras", "named.weights.h5", "named.h5"])
def test_truncated_keras(keras_files, tmp_path, kind):
    assert_truncations_refused(keras_files[kind], tmp_path / kind)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_truncated_torch(torch_files, tmp_path, kind):
    assert_truncations_refused(torch_files[kind], tmp_path / kind)


def assert_truncations_refused(original, path):
    content = original.read_bytes()
    size = len(content)
    places = {1, 4, 8, 9, 100, 511, 512, 513, *range(size // 25, size, size // 25)}
    for place in sorted(places | {size - 200, size - 22, size - 8, size - 1}):
        path.write_bytes(content[:place])
        with pytest.raises(WeightsError) as caught:
            read_weights(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
