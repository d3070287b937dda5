"""JAX's 64-bit mode, which other parts of a user's program may need, changes no number here."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

import vggjax
from vggjax.inspect import AscentConfig, ascend, grad_cam

HERE = Path(__file__)


def results(folder: Path) -> None:
    """Writes what is drawn, trained and ascended from the same seeds."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(12, dtype=np.int32) % 3
    config = replace(vggjax.weights.demo_config(), image_size=32)
    chain = vggjax.load_vgg("random", until="block2_pool", config=config)
    features = vggjax.compute(chain, images)
    head = vggjax.softmax_head(features.shape[1:], 3, seed=1, start="glorot")
    start = np.asarray(head["head"].kernel[...])
    recipe = vggjax.FitConfig(epochs=3, batch_size=4, learning_rate=1e-3)
    fitted = vggjax.fit(head, vggjax.Examples(features, labels), config=recipe)
    vivid = ascend(chain, "block2_conv1", [0, 3], AscentConfig(steps=4, size=16, jitter=2))
    plain = ascend(chain, "block2_conv1", [0, 3], AscentConfig.reference(steps=4, size=16))
    doubles = images.astype(np.float64)
    classifier = vggjax.Classifier(chain, fitted.chain, ("a", "b", "c"))
    np.savez(
        folder / f"{jax.config.jax_enable_x64}.npz",
        features=features,
        start=start,
        kernel=np.asarray(fitted.chain["head"].kernel[...]),
        doubles=vggjax.compute(chain, doubles),
        called=np.asarray(chain(doubles)),
        explained=grad_cam(chain, fitted.chain, doubles, labels),
        predicted=[each.probability for each in classifier.predict(images)],
        losses=[epoch.train.loss for epoch in fitted.history],
        vivid=vivid.inputs,
        plain=plain.inputs,
    )


@pytest.mark.slow
def test_same_values_in_64_bit_mode(tmp_path):
    for mode in ("0", "1"):
        environment = {**os.environ, "JAX_ENABLE_X64": mode}
        command = [sys.executable, str(HERE), str(tmp_path)]
        subprocess.run(command, env=environment, check=True)
    ours, theirs = (np.load(tmp_path / f"{mode}.npz") for mode in (False, True))
    for name in ours:
        assert ours[name].dtype == theirs[name].dtype, name
        tolerance = 1e-5 * np.abs(ours[name]).max()
        np.testing.assert_allclose(ours[name], theirs[name], 1e-5, tolerance, err_msg=name)


if __name__ == "__main__":
    results(Path(sys.argv[1]))
