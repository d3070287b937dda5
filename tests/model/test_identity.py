"""What features and saved heads are recognised by: the chain's digest, and its arithmetic."""

import ast
import hashlib
import inspect

import pytest
from flax import nnx

from vggjax.errors import LayerError
from vggjax.model import (
    Chain,
    Layer,
    arithmetic_of,
    blocks,
    chain_digest,
    compiling,
    fast,
    in_precision,
    kernels,
    layers,
    linear_kernels,
    parameters,
    precision,
    prepared,
    products,
    strips,
    winograd,
    with_parameters,
)
from vggjax.model.layers import KINDS, Convolution

MODULES = (
    *(layers, kernels, linear_kernels, winograd, products),
    *(fast, blocks, strips, prepared, compiling, precision),
)
ARITHMETIC = "60b5caa55e49f5ff"


class Crop(Layer):
    kind = "crop"
    settings = ("corners",)

    def __init__(self, corners):
        self.corners = corners


def test_the_digest_sees_preprocessing_layers_names_and_precision(small_vgg):
    parts = [small_vgg, small_vgg.until("fc2"), small_vgg.after("preprocess")]
    narrow = [in_precision(small_vgg, dtype) for dtype in ("bfloat16", "float16")]
    assert len({chain_digest(chain) for chain in [*parts, *narrow]}) == 5
    assert chain_digest(small_vgg.until("fc2")) == chain_digest(small_vgg.until("fc2"))


def test_the_digest_sees_each_parameter(backbone):
    tree = parameters(backbone)
    tree["fc2"]["bias"] = tree["fc2"]["bias"] + 1
    assert chain_digest(with_parameters(backbone, tree)) != chain_digest(backbone)


def test_the_digest_sees_a_setting_of_any_type():
    corners = [(1, 2), (1, 3), ((1, 2), 3), "12", None]
    assert len({chain_digest(Chain({"crop": Crop(value)})) for value in corners}) == len(corners)


@pytest.mark.parametrize("identity", [chain_digest, arithmetic_of])
def test_a_layer_that_says_nothing_of_itself_is_refused(identity):
    with pytest.raises(LayerError, match="class Linear has no identity; derive it from"):
        identity(Chain({"own": nnx.Linear(3, 3, rngs=nnx.Rngs(0))}))


def test_the_arithmetic_names_versions_and_kernels(small_vgg, monkeypatch):
    before, digest = arithmetic_of(small_vgg), chain_digest(small_vgg)
    monkeypatch.setattr(Convolution, "version", Convolution.version + 1)
    newer = arithmetic_of(small_vgg)
    monkeypatch.setattr(kernels, "family", lambda: "another machine's")
    assert len({before, newer, arithmetic_of(small_vgg)}) == 3
    assert chain_digest(small_vgg) == digest, "a saved classifier fits all of them"


def test_no_change_of_the_arithmetic_is_forgotten():
    """The code that computes layers, without its docstrings, and the versions of the layers."""
    sources = [inspect.getsource(module) for module in MODULES]
    code = [list(_words(ast.parse(source))) for source in sources]
    versions = {kind: layer.version for kind, layer in KINDS.items()}
    found = hashlib.sha256(repr([code, versions]).encode()).hexdigest()[:16]
    assert found == ARITHMETIC, (
        "The code that computes the layers has changed. If the same input gives other output now, "
        "raise the `version` of each layer that it concerns, so that cached features are computed "
        f'again; then write here ARITHMETIC = "{found}".'
    )


def _words(node):
    """What `ast.dump` shows, in a form that is the same in all versions of Python."""
    if isinstance(node, ast.AST):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        yield type(node).__name__
        for name, value in () if is_text else ast.iter_fields(node):
            if value not in (None, []):
                yield name
                yield from _words(value)
    elif isinstance(node, list):
        for item in node:
            yield from _words(item)
    else:
        yield repr(node)
