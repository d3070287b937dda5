"""Train the demo weights: a narrow VGG16, from scratch, on the demo set's source classes.

    python experiments/pretrain_demo.py

Takes about an hour on 2 cores. The target classes, on which the experiments run, are never seen.
"""

import vggjax.startup  # noqa: F401

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np
import optax
from engine.script import run_script

from vggjax.data import ImageArray, load_demo
from vggjax.features import Examples
from vggjax.model import VGGConfig, build_vgg, parameters
from vggjax.training import FitConfig, evaluate, fit
from vggjax.weights import WeightsInfo, load_weights, save

ROOT = Path(__file__).resolve().parents[1]


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--per-class", type=int, default=800, help="images rendered per source class")
    add("--val", type=int, default=20, help="how many of them validate")
    add("--epochs", type=int, default=8)
    add("--batch-size", type=int, default=64)
    add("--lr", type=float, default=1e-3, help="highest learning rate of AdamW")
    add("--seed", type=int, default=0)
    add("--out", type=Path, default=ROOT / "weights" / "demo", metavar="FOLDER")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Render, train end to end, and store the weights with how they were made."""
    options = parse(arguments)
    start = time.perf_counter()
    train, validation, classes = source_examples(options.per_class, options.val)
    config = narrow_config(classes)
    weights = load_weights("random", seed=options.seed, config=config)
    steps = options.epochs * -(-len(train) // options.batch_size)
    result = fit(
        build_vgg(config, weights.params),
        train,
        validation,
        FitConfig(options.epochs, options.batch_size, seed=options.seed),
        optimizer=optimizer(options.lr, steps),
        on_epoch=lambda epoch: print(epoch, flush=True),
    )
    reached = evaluate(result.chain, validation, options.batch_size).accuracy
    notes = {
        "command": "python experiments/pretrain_demo.py",
        "settings": {k: v for k, v in vars(options).items() if k != "out"},
        "train_images": len(train),
        "validation_accuracy": round(reached, 4),
        "minutes": round((time.perf_counter() - start) / 60, 1),
    }
    tree = jax.device_get(parameters(result.chain))
    info = WeightsInfo("demo", "experiments/pretrain_demo.py", "", config, {}, notes)
    save(options.out, tree, info, overwrite=True)
    print(f"{options.out}: {reached:.4f} validation accuracy on {classes} source classes")


def narrow_config(classes: int) -> VGGConfig:
    """VGG16 with at most 96 channels, for 64-pixel images: small enough to be kept in git."""
    return VGGConfig(
        widths=(16, 32, 64, 96, 96),
        hidden=512,
        classes=classes,
        image_size=64,
        preprocessing="torch",
    )


def source_examples(per_class: int, val: int) -> tuple[Examples, Examples, int]:
    """Training and validation images of the source classes, decoded, and how many classes."""
    dataset = load_demo("source", per_class)
    images = ImageArray(dataset, size=64, resize="nearest")[:]
    validates = np.arange(len(dataset)) % per_class < val
    train, validation = (Examples(images[m], dataset.labels[m]) for m in (~validates, validates))
    return train, validation, len(dataset.class_names)


def optimizer(learning_rate: float, steps: int) -> optax.GradientTransformation:
    """AdamW with warm-up and cosine decay; the clipping keeps a net without batch norm steady."""
    schedule = optax.warmup_cosine_decay_schedule(0, learning_rate, steps // 20, steps)
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=1e-3))


if __name__ == "__main__":
    run_script(main)
