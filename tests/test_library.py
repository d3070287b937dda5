"""The public interface as a user meets it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import vggjax

README = Path(__file__).resolve().parents[1] / "README.md"


def test_every_name_of_the_interface_is_there_and_documented():
    for name in vggjax.__all__:
        assert getattr(vggjax, name).__doc__, name
    assert set(vggjax.__all__) <= set(dir(vggjax))


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="nothing_like_this"):
        _ = vggjax.nothing_like_this


def test_importing_loads_no_jax():
    code = "import sys, vggjax; sys.exit('jax' in sys.modules or 'flax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_parts_and_version_are_there_after_a_plain_import():
    code = (
        "import vggjax; vggjax.inspect.ascend, vggjax.linear.ridge, vggjax.export.export_onnx;"
        "print(vggjax.__version__)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert re.fullmatch(r"\d+\.\d+\.\d+", done.stdout.strip())
    assert {"inspect", "__version__"} <= set(dir(vggjax))


def readme_example():
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return code


@pytest.mark.slow
def test_the_readme_s_lines_and_what_follows_from_them_are_typed(tmp_path):
    """As a user's type checker sees them."""
    api = pytest.importorskip("mypy.api")
    more = """
import numpy as np

images_seen = np.zeros((2, 64, 64, 3), np.uint8)
seen = backbone.activations(images_seen, ["block1_conv1", "fc1"])
shape: tuple[int, ...] = seen["fc1"].shape
size: int = backbone.image_size
pictures = vggjax.inspect.ascend
"""
    (tmp_path / "example.py").write_text(readme_example() + more)
    out, err, status = api.run(
        [str(tmp_path / "example.py"), "--check-untyped-defs", "--config-file="]
    )
    assert status == 0, out + err


@pytest.mark.slow
def test_the_readme_s_lines_run(tmp_path, monkeypatch, capsys):
    """The README's example, with a photo where it expects one."""
    code = readme_example()
    assert len([line for line in code.splitlines() if line.strip()]) <= 22
    dataset = vggjax.load_dataset("demo")
    (tmp_path / "photo.jpg").write_bytes(dataset.read(dataset.ids[0]))
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(README), "exec"), {})
    metrics, best = capsys.readouterr().out.strip().splitlines()
    accuracy = float(re.search(r"accuracy=([\d.]+)", metrics)[1])
    assert accuracy > 0.3, "far above the 1/32 of chance"
    assert dataset.class_names[0] in best or "-" in best
