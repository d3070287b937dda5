"""How large the workloads are: as the results are reported, and small, to see that they run."""

from dataclasses import dataclass

from vggjax.model import VGGConfig

VGG16 = VGGConfig()
# Narrow, so that 20,000 images take a minute, but with rows of features as long as VGG16's.
NARROW = VGGConfig(widths=(8, 8, 16, 16, 16), image_size=64)


@dataclass(frozen=True)
class Sizes:
    """The amount of work; image counts are numbers of images, batches and rounds plain numbers."""

    rounds: int = 5
    network: VGGConfig = VGG16
    layer: str = "fc2"
    batch: int = 32
    # the few-shot job: images per class, and what Keras' loop is timed on
    classes: int = 256
    samples: int = 4
    held_out: int = 24
    epochs: int = 20
    keras_batches: int = 2
    photos: int = 64
    # visualization
    visualized: int = 16
    visualized_side: int = 128
    visualized_layer: str = "block5_conv3"
    # memory
    counts: tuple[int, int] = (1_000, 20_000)
    narrow: VGGConfig = NARROW


FULL = Sizes()
QUICK = Sizes(
    rounds=2,
    batch=4,
    classes=2,
    keras_batches=1,
    photos=16,
    visualized=2,
    counts=(200, 2_000),
)
