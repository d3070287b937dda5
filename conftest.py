"""What tests and the examples in docstrings share: a strict runtime, and a cache of their own."""

import os

os.environ["KERAS_BACKEND"] = "jax"
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")


USERS = {name: os.environ.get(name) for name in ("VGGJAX_CACHE", "KERAS_HOME")}


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory):
    """No test reads or writes the user's cache, or Keras'."""
    for name in USERS:
        os.environ[name] = str(tmp_path_factory.mktemp(name.lower()))


@pytest.fixture(scope="module")
def users_caches():
    """The user's own caches, for what is too large to fetch each time."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in USERS.items():
            patch.delenv(name) if value is None else patch.setenv(name, value)
        yield
