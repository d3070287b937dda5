"""Images and labels: where they come from, how they are decoded, which of them train and test."""

from vggjax.data.caltech256 import load_caltech256
from vggjax.data.copies import Copies, find_copies
from vggjax.data.dataset import Dataset, headline, summary
from vggjax.data.division import ClassSplit, copy_remarks, distinct
from vggjax.data.flat_folder import load_flat_folder, make_reference_split
from vggjax.data.folder import images_below, load_folder, scan_below
from vggjax.data.image_array import ImageArray
from vggjax.data.images import IMAGE_SUFFIXES, RESIZE_MODES, decode_image
from vggjax.data.readable import unreadable, without
from vggjax.data.sources import DATASET_NAMES, load_dataset, load_demo
from vggjax.data.split_files import load_splits, reuse_or_make, save_splits
from vggjax.data.splits import Split, make_split
from vggjax.data.tfds import load_tfds
from vggjax.data.unreadable import UnreadableImage, unreadable_error
from vggjax.data.views import VIEWS, WHOLE, View, decode_view

__all__ = [
    "DATASET_NAMES",
    "IMAGE_SUFFIXES",
    "RESIZE_MODES",
    "VIEWS",
    "WHOLE",
    "ClassSplit",
    "Copies",
    "Dataset",
    "ImageArray",
    "Split",
    "UnreadableImage",
    "View",
    "copy_remarks",
    "decode_image",
    "decode_view",
    "distinct",
    "find_copies",
    "headline",
    "images_below",
    "load_caltech256",
    "load_dataset",
    "load_demo",
    "load_flat_folder",
    "load_folder",
    "load_splits",
    "load_tfds",
    "make_reference_split",
    "make_split",
    "reuse_or_make",
    "save_splits",
    "scan_below",
    "summary",
    "unreadable",
    "unreadable_error",
    "without",
]
