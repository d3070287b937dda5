"""All experiments of the report, and one page that shows them beside its numbers (all rows).

    python experiments/report.py                           # Caltech-256, or else the demo set
    python experiments/report.py --dataset demo
    python experiments/report.py --data-dir my_photos --tribes-dir my_flat_folder
    python experiments/report.py --only layers --again
    python experiments/report.py --collect                 # run nothing, write the page

Each experiment leaves its files in a sub-folder of --out; one that is there with the same arguments
is not run again. The page, `report.html` and `report.md`, is written anew after each, and shows all
that are there. An experiment that fails leaves its sentence in the page, and the others go on.
"""

import argparse
import json
import platform
import shlex
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from common import run
from report_plan import FLAT, IMAGES, PLAN, TRIBES, Planned

from vggjax.errors import VggjaxError
from vggjax.files import write_json
from vggjax.report.page import Link, Page, Section, Table, write_page

RECORD = "report-run.json"  # how the page's experiment was run, beside its result.json
FILES = ("result.json", "history.csv", "split.json", "dataset.txt")
PACKAGES = ("vggjax", "jax", "flax", "numpy")
CODE_ROWS = (
    ("R1", "dataset fetched behind a progress bar, and summarised", "caltech/dataset.txt"),
    ("R2", "all of a run is kept; the same command again only reports", "caltech/result.json"),
    ("R3", "TensorBoard logs of training", "python experiments/caltech.py --tensorboard"),
    ("R4", "models saved and loaded back",
     "python experiments/predict.py FOLDER/caltech/classifier-32-seed0 PHOTO"),
)  # fmt: skip


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    names = [planned.name for planned in PLAN]
    add("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    add("--collect", action="store_true", help="run nothing, only write the page")
    add("--again", action="store_true", help="run even what is there already")
    add("--out", type=Path, default=Path("runs/report"), metavar="FOLDER", help="results and page")
    add("--dataset", metavar="NAME", help="as for caltech.py")
    add("--data-dir", metavar="FOLDER", help="as for caltech.py")
    add("--tribes-dir", metavar="FOLDER", help="Urban Tribes: images named CLASS_anything, flat")
    add("--weights", metavar="NAME", help="as for caltech.py")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is asked for and not there yet, and write the page."""
    options = parse(arguments)
    failed = []
    for planned in () if options.collect else PLAN:
        if planned.name not in options.only:
            continue
        print(f"\n=== {planned.name} ({planned.rows})", flush=True)
        if not options.again and is_done(planned, options):
            print(f"{options.out / planned.name} has it already (--again runs it anew)")
        elif error := run_one(planned, options):
            failed.append(planned.name)
            print(f"failed: {error}", flush=True)
        write_page(page(options.out), options.out)
    write_page(page(options.out), options.out)
    print(f"\n{options.out / 'report.html'} and report.md written")
    if failed:
        raise VggjaxError(f"Failed: {', '.join(failed)}; {options.out}/report.md says why.")


def script_arguments(planned: Planned, options: argparse.Namespace) -> list[str]:
    """The arguments for an experiment's script."""
    on_demo = options.dataset == "demo"
    passed = {"--weights": options.weights}
    if planned.takes == IMAGES:
        passed |= {"--dataset": options.dataset, "--data-dir": options.data_dir}
    elif planned.takes == TRIBES:
        passed["--data-dir"] = options.tribes_dir
    elif planned.takes == FLAT and options.tribes_dir:
        passed |= {"--dataset": "flat", "--data-dir": options.tribes_dir}
    elif planned.takes == FLAT:
        passed |= {"--dataset": options.dataset, "--data-dir": options.data_dir}
    elif on_demo:
        passed["--weights"] = options.weights or "demo"
    given = [word for name, value in passed.items() if value for word in (name, value)]
    extra = planned.on_demo if on_demo else ()
    return [*planned.arguments, *extra, *given, "--out", str(options.out / planned.name)]


def is_done(planned: Planned, options: argparse.Namespace) -> bool:
    """Whether the experiment has been run with the same arguments, and its result is there."""
    folder = options.out / planned.name
    record = read(folder / RECORD)
    same = record.get("arguments") == script_arguments(planned, options)
    return same and not record.get("error") and bool(read(folder / "result.json"))


def run_one(planned: Planned, options: argparse.Namespace) -> str:
    """Run an experiment and keep how; returns the sentence it failed with, or nothing."""
    folder = options.out / planned.name
    arguments = script_arguments(planned, options)
    (folder / RECORD).unlink(missing_ok=True)
    begin, error = time.perf_counter(), ""
    try:
        planned.main([*arguments, *(planned.again if options.again else ())])
    except VggjaxError as problem:
        error = str(problem)
    except OSError as problem:
        error = f"{problem.filename or 'A file'}: {problem.strerror or problem}."
    seconds = round(time.perf_counter() - begin, 1)
    write_json(folder / RECORD, {"arguments": arguments, "seconds": seconds, "error": error})
    return error


def page(out: Path) -> Page:
    """The page of all that is in `out`."""
    sections = [section(planned, out) for planned in PLAN]
    rows = Table(("row", "what", "where"), CODE_ROWS)
    sections.append(
        Section("what its code also does", "R1, R2, R3, R4", "Not measured, but there.", rows)
    )
    results = [read(out / planned.name / "result.json") for planned in PLAN]
    return Page("The report's experiments, run by vggjax", introduction(results), tuple(sections))


def introduction(results: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """What the page is, what it was run on, and with which versions."""
    data = sorted({result["dataset"] for result in results if "dataset" in result})
    weights = sorted({result["weights"]["name"] for result in results if result})
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    lines = [
        "Every experiment of a student report on transfer learning with VGG16 (Keras, ImageNet "
        "weights, on Caltech-256 and Urban Tribes), beside the report's own numbers.",
        f"Data: {', '.join(data) or 'none yet'}. Weights: {', '.join(weights) or 'none yet'}.",
        f"Written {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {versions}.",
    ]
    if any(result.get("demo") for result in results):
        lines.insert(1, "DEMO: sections marked so ran on rendered images or on weights trained on "
                     "them. Their numbers say nothing about photographs; compare shapes, not "
                     "values.")  # fmt: skip
    return tuple(lines)


def section(planned: Planned, out: Path) -> Section:
    """An experiment's part of the page, of the files that it left."""
    folder, basics = out / planned.name, (planned.title, planned.rows, planned.text)
    record, result = read(folder / RECORD), read(folder / "result.json")
    words = ["python", f"experiments/{planned.script}", *record.get("arguments", planned.arguments)]
    command = shlex.join(words)
    if record.get("error") or not result:
        remark = "" if record else "Not run yet."
        return Section(*basics, command=command, error=record.get("error", ""), remark=remark)
    there = {**planned.figures, **{name: name for name in FILES}}
    links = [
        Link(f"{planned.name}/{name}", text)
        for name, text in there.items()
        if (folder / name).is_file()
    ]
    return Section(
        *basics,
        table=planned.table(result),
        figures=tuple(link for link in links if link.path.endswith(".png")),
        files=tuple(link for link in links if not link.path.endswith(".png")),
        command=command,
        remark=f"{ran_on(result)}; took {record.get('seconds', result['seconds'])} s",
        demo=result["demo"],
    )


def ran_on(result: dict[str, Any]) -> str:
    """Data and weights of a result, in words."""
    there = "dataset" in result
    data = [f"{result['dataset']} ({result['classes']} classes)"] if there else []
    return ", ".join([*data, f"{result['weights']['name']} weights"])


def read(path: Path) -> dict[str, Any]:
    """A JSON file's content; nothing where there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


if __name__ == "__main__":
    run(main)
