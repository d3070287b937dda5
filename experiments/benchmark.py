"""How fast is this project, beside what a user would run instead?

    pip install -e '.[bench]'
    python experiments/benchmark.py                          # a to e, an hour or more
    python experiments/benchmark.py --only a --batches 1 32 --layers fc2
    python experiments/benchmark.py --only a c d --rounds 9
    python experiments/benchmark.py --only b --classes 16    # the same job with fewer classes
    python experiments/benchmark.py --only c --photos my_photos
    python experiments/benchmark.py --only heads photo memory
    python experiments/benchmark.py --device gpu             # or tpu
    python experiments/benchmark.py --quick                  # minutes, to see that it runs

  a       frozen features at block5_pool and fc2, in batches of 1, 8, 32 and 64 images of 224 px
  b       the whole few-shot job, cold and warm feature cache, against Keras' frozen `fit`
  c       decoding JPEG files
  d       forward and input gradient until block5_conv3, as filter visualization does it
  e       import and start-up
  heads   training a softmax head on wide features, on disk and in memory: an epoch
  photo   one photograph from its file to its class: the first call in a process, and later ones
  memory  peak memory for 1,000 and for 20,000 images

Before anything is timed, the outputs of all arms are compared. The arms take turns; what is
printed are medians and the smallest and largest time. Run it on an otherwise idle machine, with
16 GB of memory. An arm whose package isn't installed is skipped (flaxmodels isn't in the extra
`bench`), and so is torch.compile where there is no C++ compiler.

With `--device gpu` or `tpu` the workloads are a (with the rate at which the device multiplies
matrices, our share of it, and the device's peak memory; beside it PyTorch, channels-last and
compiled, where it sees a GPU), b (the few-shot job, beside the decoding that this machine can
sustain) and d (ascent, steps per second). These were written without such a device at hand: they
were tried on a CPU only.
"""

import vggjax.startup  # noqa: F401

from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import accelerator
from benchmarks.chart import chart
from benchmarks.decoding import decoding
from benchmarks.features import frozen_features
from benchmarks.few_shot import few_shot
from benchmarks.gradient import forward_and_gradient
from benchmarks.heads import heads
from benchmarks.inputs import Sizes
from benchmarks.memory import memory
from benchmarks.options import chosen_sizes, parse
from benchmarks.photo import one_photo
from benchmarks.results import BUSY, Comparison, OtherPrograms, environment
from benchmarks.startup import start_up
from benchmarks.table import Summary, describe, table

from vggjax.files import write_json
from vggjax.report import save_figure

Workload = Callable[[Sizes], Iterable[Comparison]]

ON_CPU: dict[str, Workload] = {
    "a": frozen_features,
    "b": few_shot,
    "c": decoding,
    "d": forward_and_gradient,
    "e": start_up,
    "heads": heads,
    "photo": one_photo,
    "memory": memory,
}
WORKLOADS = {"cpu": ON_CPU, "gpu": accelerator.WORKLOADS, "tpu": accelerator.WORKLOADS}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the workloads, print their tables, and write the results after each."""
    options = parse(__doc__, WORKLOADS, arguments)
    sizes = chosen_sizes(options)
    accelerator.choose(options.device)
    machine = environment()
    print(describe(machine), flush=True)
    comparisons = run_all(options, sizes, machine)
    subtitle = f"{machine['device'] or machine['cpu']}, {machine['cores']} cores"
    if options.quick:
        subtitle += ", QUICK: not for reporting"
    if any(comparison.contended for comparison in comparisons):
        subtitle += ", CONTENDED"
    save_figure(chart(comparisons, subtitle), options.out / "benchmark.png")
    summary = Summary.of(comparisons)
    if len(summary.columns) > 1:
        print(f"\n{summary}")
    print(f"\n{options.out / 'result.json'} and benchmark.png written")


def run_all(options: Namespace, sizes: Sizes, machine: dict[str, Any]) -> list[Comparison]:
    """Each workload in turn; what is done is written before more is begun."""
    comparisons: list[Comparison] = []
    settings = {k: str(v) if isinstance(v, Path) else v for k, v in vars(options).items()}
    for key in options.only:
        others = OtherPrograms()
        for result in WORKLOADS[options.device][key](sizes):
            comparisons.append(replace(result, contended=others.share() > BUSY))
            print(f"\n{table(comparisons[-1])}", flush=True)
            content = {
                "experiment": "benchmark",
                "settings": settings,
                "environment": machine,
                "comparisons": [comparison.to_json() for comparison in comparisons],
                "summary": Summary.of(comparisons).to_json(),
            }
            write_json(options.out / "result.json", content)
            others = OtherPrograms()
    return comparisons


if __name__ == "__main__":
    from engine.script import run_script

    run_script(main)
