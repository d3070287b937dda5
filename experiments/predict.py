"""What a saved classifier sees in photos: short for `python -m vggjax.predict`.

python experiments/predict.py runs/caltech/demo-fc2+block5_pool/classifier-4-auto-seed0 photo.jpg
"""

import vggjax.startup  # noqa: F401

import sys

from vggjax.predict import main, run

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(run())
