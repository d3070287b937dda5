"""Every command by its name: `vggjax COMMAND`, or `python -m vggjax COMMAND`.

vggjax caltech --samples 4 --data-dir my_photos
vggjax visualize --layer block5_conv3
vggjax COMMAND --help
"""

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from vggjax.command import finish
from vggjax.errors import VggjaxError

# Files of `experiments/`, which an installed package carries.
EXPERIMENTS = {
    "caltech": "a classifier from a few images per class",
    "urban_tribes": "the same of photos in one folder, CLASS_number.jpg",
    "layers": "heads on layers in the middle of the network",
    "temperature": "a head on softened ImageNet probabilities",
    "steps": "what each step towards the best linear head gives",
    "visualize": "what excites a convolution's filters",
    "feature_maps": "what the filters of some layers make of an image",
    "explain": "where a saved classifier looked, as heat maps over photos",
    "demo_set": "what the rendered demo set looks like",
    "report": "all experiments of the reference, and one page of them",
    "benchmark": "speed beside other libraries",
}
MODULES = {  # of vggjax itself
    "predict": "what a saved classifier sees in photos",
    "export": "a saved classifier as a file for other programs",
    "weights": "convert, describe or verify weight files",
    "cache": "what is kept on disk, and how to remove it",
}


def experiments_folder() -> Path:
    """Where the experiments are: in the installed package, or in the checkout around it."""
    here = Path(__file__).parent
    installed = here / "experiments"
    return installed if installed.is_dir() else here.parent / "experiments"


def overview() -> str:
    """What there is, a line for each command."""
    commands = {**EXPERIMENTS, **MODULES}
    width = max(map(len, commands))
    lines = [f"  {name:{width}}  {text}" for name, text in commands.items()]
    return "\n".join([__doc__ or "", *lines])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the first argument names; VggjaxError if there is none of that name."""
    name, *rest = [*(sys.argv[1:] if arguments is None else arguments)] or ["--help"]
    if name in ("-h", "--help"):
        print(overview())
        return
    sys.argv = [f"vggjax {name}", *rest]
    if name in MODULES:
        runpy.run_module(f"vggjax.{name}", run_name="__main__")
    elif name in EXPERIMENTS:
        folder = str(experiments_folder())
        sys.path.insert(0, folder)  # as Python does for a script
        runpy.run_path(f"{folder}/{name}.py", run_name="__main__")
    else:
        known = ", ".join([*EXPERIMENTS, *MODULES])
        raise VggjaxError(f"There is no command {name!r}; there are {known}.")


def command_line() -> int:
    """The console script `vggjax`; returns the exit status."""
    return finish(main, None)


if __name__ == "__main__":
    sys.exit(command_line())
