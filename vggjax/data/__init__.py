"""Images and labels: where they come from, how they are decoded, which of them train and test."""

from vggjax.data.caltech256 import caltech256_reachable, find_caltech256, load_caltech256
from vggjax.data.dataset import Dataset
from vggjax.data.demo import load_demo
from vggjax.data.folder import load_folder
from vggjax.data.image_array import ImageArray
from vggjax.data.images import IMAGE_SUFFIXES, RESIZE_MODES, decode_image
from vggjax.data.sources import DATASET_NAMES, load_dataset
from vggjax.data.splits import (
    ClassSplit,
    Split,
    load_splits,
    make_split,
    reuse_or_make,
    save_splits,
)
from vggjax.data.summary import summary
from vggjax.data.tfds import load_tfds
from vggjax.data.urban_tribes import load_urban_tribes, make_report_split

__all__ = [
    "DATASET_NAMES",
    "IMAGE_SUFFIXES",
    "RESIZE_MODES",
    "ClassSplit",
    "Dataset",
    "ImageArray",
    "Split",
    "caltech256_reachable",
    "decode_image",
    "find_caltech256",
    "load_caltech256",
    "load_dataset",
    "load_demo",
    "load_folder",
    "load_splits",
    "load_tfds",
    "load_urban_tribes",
    "make_report_split",
    "make_split",
    "reuse_or_make",
    "save_splits",
    "summary",
]
