import shutil
import zipfile

import pytest

from vggjax.errors import WeightsError
from vggjax.weights.formats import read_weights


@pytest.mark.parametrize(
    ("file", "format_", "kind"),
    [
        ("named.keras", "keras", "Keras 3 archive"),
        ("named.h5", "keras", "Keras HDF5"),
        ("zip", "torch", "PyTorch state dict (zip format)"),
        ("legacy", "torch", "PyTorch state dict (legacy format)"),
        ("safetensors", "torch", "safetensors with PyTorch's names"),
    ],
)
@pytest.mark.parametrize("ending", [".h5", ".pth", ""])
def test_found_by_content(keras_files, torch_files, tmp_path, file, format_, kind, ending):
    original = {**keras_files, **torch_files}[file]
    foreign = read_weights(shutil.copy(original, tmp_path / f"copy{ending}"))
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


def test_what_is_no_file_of_weights(tmp_path):
    with pytest.raises(WeightsError, match="does not exist"):
        read_weights(tmp_path / "nothing.h5")
    with pytest.raises(WeightsError, match="is a folder"):
        read_weights(tmp_path)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", b"")
    with pytest.raises(WeightsError, match="zip archive without weights"):
        read_weights(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "kind", ["named.keras", "named.weights.h5", "named.h5", "zip", "legacy", "safetensors"]
)
def test_truncated(keras_files, torch_files, tmp_path, kind):
    content = {**keras_files, **torch_files}[kind].read_bytes()
    path = tmp_path / kind
    size = len(content)
    cuts = {1, 4, 8, 9, 100, 511, 512, 513, *range(size // 25, size, size // 25)}
    for cut in sorted(cuts | {size - 200, size - 22, size - 8, size - 1}):
        path.write_bytes(content[:cut])
        with pytest.raises(WeightsError) as caught:
            read_weights(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
