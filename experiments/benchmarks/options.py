"""The benchmark's command line."""

import argparse
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.inputs import FULL, QUICK, Sizes
from vggjax.errors import DataError
from vggjax.model import VGGConfig, layer_table

USUAL = ("a", "b", "c", "d", "e")  # what runs unless --only says otherwise, if it is there


def parse(
    about: str | None, workloads: Mapping[str, Collection[str]], arguments: Sequence[str] | None
) -> argparse.Namespace:
    """The options; `workloads` are the names of those that each kind of device has.

    Raises DataError for a workload that the chosen device doesn't have.
    """
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    every = list(dict.fromkeys(name for names in workloads.values() for name in names))
    add("--only", nargs="+", choices=every, help="which workloads (default: those named a letter)")
    add("--device", choices=list(workloads), default="cpu", help="what computes (default: cpu)")
    add("--quick", action="store_true", help="little work and few rounds: not for reporting")
    add("--rounds", type=int, help=f"turns of each arm (default: {FULL.rounds})")
    add("--batches", type=int, nargs="+", metavar="N", help="images of a batch in workload a")
    layers = [spec.name for spec in layer_table(VGGConfig())[1:-1]]
    add("--layers", nargs="+", choices=layers, metavar="LAYER", help="layers in workload a")
    add("--classes", type=int, help=f"classes of b and heads (default: {FULL.classes})")
    add("--photos", type=Path, metavar="FOLDER", help="real photographs for workload c")
    add("--out", type=Path, default=Path("runs/benchmark"), metavar="FOLDER", help="results")
    options = parser.parse_args(arguments)
    here = workloads[options.device]
    options.only = options.only or [name for name in USUAL if name in here]
    absent = [name for name in options.only if name not in here]
    if absent:
        raise DataError(
            f"The workload {absent[0]} does not run on a {options.device}; these do: "
            f"{', '.join(here)}."
        )
    return options


def chosen_sizes(options: argparse.Namespace) -> Sizes:
    """The sizes that the options ask for; DataError for ones that make no sense."""
    named = {"rounds": options.rounds, "classes": options.classes, "folder": options.photos}
    named |= {name: getattr(options, name) for name in ("batches", "layers")}
    given = {name: value for name, value in named.items() if value is not None}
    if given.get("rounds", 1) < 1 or given.get("classes", 2) < 2:
        raise DataError("The benchmark needs at least 1 round and 2 classes.")
    if min(given.get("batches", [1])) < 1:
        raise DataError("A batch has at least 1 image.")
    lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    return replace(QUICK if options.quick else FULL, **given | lists)
