"""How fast is this project, beside what a user would run instead? On the CPU of this machine.

    pip install -e '.[bench]'
    python experiments/benchmark.py                          # everything, half an hour or more
    python experiments/benchmark.py --only a c d --rounds 9
    python experiments/benchmark.py --only b --classes 16    # the same job with fewer classes
    python experiments/benchmark.py --only c --photos my_photos
    python experiments/benchmark.py --only memory
    python experiments/benchmark.py --quick                  # minutes, to see that it runs

  a       frozen features at fc2: 32 images of 224 px, float32
  b       the whole few-shot job, cold and warm feature cache, against Keras' frozen `fit`
  c       decoding JPEG files
  d       forward and input gradient until block5_conv3, as filter visualization does it
  e       import and start-up
  memory  peak memory for 1,000 and for 20,000 images

Before anything is timed, the outputs of all arms are compared. The arms take turns; what is
printed are medians and the smallest and largest time. Run it on an otherwise idle machine.
An arm whose package isn't installed is skipped (flaxmodels isn't in the extra `bench`).
"""

import vggjax.startup  # noqa: F401

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
from benchmarks.decoding import decoding
from benchmarks.features import frozen_features
from benchmarks.few_shot import few_shot
from benchmarks.gradient import forward_and_gradient
from benchmarks.inputs import FULL, QUICK, Sizes
from benchmarks.memory import memory
from benchmarks.results import BUSY, Comparison, OtherPrograms, environment
from benchmarks.startup import start_up
from benchmarks.table import chart, describe, table

from vggjax.errors import DataError
from vggjax.files import write_json
from vggjax.report import save_figure

WORKLOADS: dict[str, Callable[[Sizes], list[Comparison]]] = {
    "a": frozen_features,
    "b": few_shot,
    "c": decoding,
    "d": forward_and_gradient,
    "e": start_up,
    "memory": memory,
}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    keys = list(WORKLOADS)
    add("--only", nargs="+", choices=keys, default=keys[:5], help="which workloads")
    add("--quick", action="store_true", help="little work and few rounds: not for reporting")
    add("--rounds", type=int, help=f"turns of each arm (default: {FULL.rounds})")
    add("--classes", type=int, help=f"classes of workload b (default: {FULL.classes})")
    add("--photos", type=Path, metavar="FOLDER", help="real photographs for workload c")
    add("--out", type=Path, default=Path("runs/benchmark"), metavar="FOLDER", help="results")
    return parser.parse_args(arguments)


def chosen_sizes(options: argparse.Namespace) -> Sizes:
    """The sizes that the options ask for; DataError for ones that make no sense."""
    named = {"rounds": options.rounds, "classes": options.classes, "folder": options.photos}
    given = {name: value for name, value in named.items() if value is not None}
    if given.get("rounds", 1) < 1 or given.get("classes", 2) < 2:
        raise DataError("The benchmark needs at least 1 round and 2 classes.")
    return replace(QUICK if options.quick else FULL, **given)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the workloads, print their tables, and write the results after each."""
    options = parse(arguments)
    sizes = chosen_sizes(options)
    jax.config.update("jax_platforms", "cpu")
    machine = environment()
    print(describe(machine), flush=True)
    comparisons = run_all(options, sizes, machine)
    subtitle = f"{machine['cpu']}, {machine['cores']} cores"
    if options.quick:
        subtitle += ", QUICK: not for reporting"
    if any(comparison.contended for comparison in comparisons):
        subtitle += ", CONTENDED"
    save_figure(chart(comparisons, subtitle), options.out / "benchmark.png")
    print(f"\n{options.out / 'result.json'} and benchmark.png written")


def run_all(options: argparse.Namespace, sizes: Sizes, machine: dict[str, Any]) -> list[Comparison]:
    """Each workload in turn; what is done is written before the next one starts."""
    comparisons: list[Comparison] = []
    settings = {k: str(v) if isinstance(v, Path) else v for k, v in vars(options).items()}
    for key in options.only:
        others = OtherPrograms()
        for result in WORKLOADS[key](sizes):
            comparisons.append(replace(result, contended=others.share() > BUSY))
            print(f"\n{table(comparisons[-1])}", flush=True)
        content = {
            "experiment": "benchmark",
            "settings": settings,
            "environment": machine,
            "comparisons": [comparison.to_json() for comparison in comparisons],
        }
        write_json(options.out / "result.json", content)
    return comparisons


if __name__ == "__main__":
    from engine.script import run_script

    run_script(main)
