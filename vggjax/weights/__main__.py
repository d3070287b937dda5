"""Convert, describe or verify weights: `python -m vggjax.weights --help`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from vggjax.command import finish
from vggjax.model.config import Preprocessing
from vggjax.weights.describe import describe
from vggjax.weights.importer import convert_file


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv`; returns the exit status, 2 for what the user can mend."""
    return finish(lambda given: print(_run(_parser().parse_args(given))), argv)


def _run(arguments: argparse.Namespace) -> str:
    if arguments.command != "convert":
        return describe(arguments.path, check=arguments.command == "verify")
    convert_file(
        arguments.path,
        arguments.out,
        arguments.name,
        arguments.preprocessing,
        overwrite=arguments.overwrite,
    )
    return f"{describe(arguments.out)}\nwritten to {arguments.out}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vggjax.weights",
        description="Weights of VGG networks by Keras (.h5, .keras) and PyTorch (.pth, "
        ".safetensors), and the folders they are stored in here.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    convert = commands.add_parser("convert", help="convert a weight file into a folder")
    convert.add_argument("path", type=Path, metavar="FILE")
    convert.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    convert.add_argument("--name", help="what to call the weights (default: the file's name)")
    convert.add_argument(
        "--preprocessing",
        choices=get_args(Preprocessing),
        help="what they expect of images: BGR minus means (caffe), torchvision's, 0 to 1 (unit), "
        "-1 to 1 (tf) or 0 to 255 (raw) (default: what the file says, else caffe for Keras' files "
        "and torch for PyTorch's)",
    )
    convert.add_argument("--overwrite", action="store_true", help="replace FOLDER if it exists")
    for name, help_text in (
        ("describe", "say what a folder or a weight file holds"),
        ("verify", "read all of it, compare the checksums, and say what it holds"),
    ):
        command = commands.add_parser(name, help=help_text)
        command.add_argument("path", type=Path, metavar="FOLDER_OR_FILE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
