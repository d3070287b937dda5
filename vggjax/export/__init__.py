"""Networks and classifiers as files that run without this library: JAX's own format, and ONNX."""

from vggjax.export.jax_file import export_jax, load_jax
from vggjax.export.onnx_file import export_onnx

__all__ = ["export_jax", "export_onnx", "load_jax"]
