"""All experiments of the reference, and one page that shows them beside its
numbers (all rows).

    python experiments/report.py             # Caltech-256, or else the demo
    python experiments/report.py --dataset demo
    python experiments/report.py --data-dir my_photos --tribes-dir flat_photos
    python experiments/report.py --photos cat.png cup.png --only feature_maps
    python experiments/report.py --collect   # run nothing, write the page

Each experiment leaves its files in a sub-folder of --out; one that is there is
not run again. The page, `report.html` and `report.md`, is written anew after
each, and shows all that are there. An experiment that fails leaves its
sentence in the page, and the others go on.
"""

import vggjax.startup  # noqa: F401

import argparse
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from engine.command_line import WIDTH
from engine.experiment import run
from engine.run_folder import Result, finish_begun
from engine.script import run_script
from parts import NETWORK, PARTS, TRIBES_FIRST, TRIBES_ONLY, Part

from vggjax.checked_json import MissingError
from vggjax.claims import claimed
from vggjax.command import open_cache
from vggjax.errors import VggjaxError, one_line, refusal
from vggjax.files import AS_ON_DISK, write_text
from vggjax.report import Table
from vggjax.report.page import Link, Page, Section, write_page

FAILURE = "failure.txt"  # the sentence with which an experiment failed, in its folder
MOST_OF_FAILURE = 10_000  # letters
OTHERS = "other data or weights"  # than those of the reference's numbers
FILES = ("result.json", "history.csv", "split.json", "dataset.txt")
PACKAGES = ("vggjax", "jax", "flax", "numpy")
CODE_ROWS = (
    ("R1", "dataset fetched behind a progress bar, and summarised", "caltech/dataset.txt"),
    ("R2", "all of a run is kept; the same command again only reports", "caltech/result.json"),
    ("R3", "TensorBoard logs of training", "python experiments/caltech.py --tensorboard"),
    ("R4", "models saved and loaded back",
     "python -m vggjax.predict FOLDER/caltech/classifier-32-auto-seed0 PHOTO"),
)  # fmt: skip


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    formatter = partial(argparse.RawDescriptionHelpFormatter, width=WIDTH)
    parser = argparse.ArgumentParser(
        usage="%(prog)s [options]", description=__doc__, formatter_class=formatter
    )
    add = parser.add_argument
    names = [part.name for part in PARTS]
    add("--data-dir", type=Path, metavar="FOLDER", help="as for caltech.py")
    add("--dataset", default="auto", metavar="NAME", help="as for caltech.py (default: auto)")
    add("--tribes-dir", type=Path, metavar="FOLDER", help="Urban Tribes: images named "
        "CLASS_anything, flat (default: none; its rows run on the demo set)")  # fmt: skip
    add("--weights", metavar="NAME", help="as for caltech.py (default: as there)")
    add("--photos", type=Path, nargs="+", metavar="IMAGE", help="whose feature maps are "
        "shown (default: those of test images); from the first, the reference's ascents start "
        "(default: only from noise)")  # fmt: skip
    add("--only", nargs="+", choices=names, default=names, metavar="NAME",
        help=f"some of {', '.join(names)} (default: all)")  # fmt: skip
    add("--collect", action="store_true", help="run nothing, only write the page (default: off)")
    add("--again", action="store_true", help="run even what is there already (default: off)")
    add("--out", type=Path, default=Path("runs/report"), metavar="FOLDER",
        help="results and page (default: runs/report)")  # fmt: skip
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is asked for and not there yet, and write the page."""
    options = parse(arguments)
    open_cache()
    failed = []
    for part in () if options.collect else PARTS:
        if part.name not in options.only or (part.photos == "start" and not options.photos):
            continue
        print(f"\n=== {part.name} ({part.experiment.rows})", flush=True)
        if error := run_part(part, options):
            failed.append(part.name)
            print(f"failed: {error}", flush=True)
        write(options.out)
    write(options.out)
    print(f"\n{options.out / 'report.html'} and report.md written")
    if failed:
        raise VggjaxError(f"Failed: {', '.join(failed)}; {options.out}/report.md says why.")


def write(out: Path) -> None:
    """The page of all that is in `out`, which another process may be about to write, too."""
    with claimed(out / "report.html"):
        write_page(page(out), out)


def run_part(part: Part, options: argparse.Namespace) -> str:
    """Run an experiment; returns the sentence it failed with, or nothing."""
    failure = options.out / part.name / FAILURE
    failure.unlink(missing_ok=True)
    try:
        run(part.experiment, part_options(part, options))
    except VggjaxError as problem:
        error = str(problem)
    except OSError as problem:
        error = refusal(problem)
    else:
        return ""
    write_text(failure, error)
    return error


def part_options(part: Part, options: argparse.Namespace) -> Any:
    """The experiment's options: its own, and those of the page that it takes."""
    on_demo = options.dataset == "demo"
    given: dict[str, Any] = {"weights": options.weights}
    if part.takes == TRIBES_ONLY:
        given["data_dir"] = options.tribes_dir
    elif part.takes == TRIBES_FIRST and options.tribes_dir:
        given |= {"dataset": "flat", "data_dir": options.tribes_dir}
    elif part.takes == NETWORK:
        given["weights"] = options.weights or ("demo" if on_demo else None)
    else:
        given |= {"dataset": options.dataset, "data_dir": options.data_dir}
    if part.photos and options.photos:
        photos = tuple(options.photos)
        given[part.photos] = photos if part.photos == "images" else photos[0]
    chosen = {**part.chosen, **(part.on_demo if on_demo else {}), **given}
    return part.experiment.options(**chosen, out=options.out / part.name, again=options.again)


def page(out: Path) -> Page:
    """The page of all that is in `out`; what can't be shown leaves its sentence."""
    shown = {part.name: found for part in PARTS if (found := shown_of(part, out))}
    sections = [each.section for each in shown.values()]
    rows = Table(("row", "what", "where"), CODE_ROWS)
    sections.append(
        Section("what its code also does", "R1, R2, R3, R4", "Not measured, but there.", rows)
    )
    results = [each.result for each in shown.values() if each.result]
    title = "The reference's experiments, run by vggjax"
    missing = ", ".join(part.name for part in PARTS if part.name not in shown)
    lines = (*introduction(results), *([f"Not run: {missing}."] if missing else []))
    numbers = tuple(row for each in shown.values() for row in each.rows)
    header = ("row", "what", "reference", "ours")
    return Page(title, lines, tuple(sections), Table(header, numbers) if numbers else None)


@dataclass(frozen=True)
class Shown:
    """What a part of the page is made of: its section, its result, its rows of the first table."""

    section: Section
    result: Result | None = None
    rows: tuple[tuple[str, ...], ...] = ()


def shown_of(part: Part, out: Path) -> Shown | None:
    """What there is to show of a part; None if it was not run."""
    folder = out / part.name
    try:
        if (folder / FAILURE).is_file():
            text = (folder / FAILURE).read_text(encoding="utf-8", errors=AS_ON_DISK)
            return Shown(Section(**basics(part), error=text[:MOST_OF_FAILURE]))
        finish_begun(folder)
        result = Result.load(folder)
        return Shown(section(part, result), result, overview(part, result))
    except MissingError:
        return None
    except VggjaxError as problem:
        error = str(problem)
    except OSError as problem:
        error = refusal(problem)
    except Exception as problem:  # as it was written, but by another version
        error = f"The result in {folder} can't be shown ({one_line(problem)})."
    return Shown(Section(**basics(part), error=f"{error} To run it again, name it with --only."))


def overview(part: Part, result: Result) -> tuple[tuple[str, ...], ...]:
    """What a part found, beside the reference's numbers."""
    return tuple(
        (part.experiment.rows, what, theirs if result["comparable"] else OTHERS, ours)
        for what, theirs, ours in part.experiment.overview(result)
    )


def introduction(results: Sequence[Result]) -> tuple[str, ...]:
    """What the page is, what it was run on, and with which versions."""
    data = sorted({result["dataset"] for result in results if result["dataset"]})
    weights = sorted({result["weights"]["name"] for result in results})
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    lines = [
        "Every experiment of a student report on transfer learning with VGG16 (Keras, ImageNet "
        "weights, on Caltech-256 and Urban Tribes), here called the reference, beside its own "
        "numbers.",
        f"Data: {', '.join(data) or 'none yet'}. Weights: {', '.join(weights) or 'none yet'}.",
        f"Written {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {versions}.",
    ]
    if any(result["demo"] for result in results):
        lines.insert(1, "DEMO: sections marked so ran on rendered images or on weights trained on "
                     "them. Their numbers say nothing about photographs; compare shapes, not "
                     "values.")  # fmt: skip
    return tuple(lines)


def basics(part: Part) -> dict[str, Any]:
    """What the section of a part says whatever was found."""
    return {name: getattr(part.experiment, name) for name in ("title", "rows", "text")}


def section(part: Part, result: Result) -> Section:
    """An experiment's part of the page, of the files that it left."""
    experiment = part.experiment
    captions = {**experiment.captions, **{name: name for name in FILES}}
    name = result["dataset"] or ""
    published = [text for start, text in part.published.items() if name.startswith(start)]
    links = [
        Link(f"{part.name}/{name}", text)
        for name, text in captions.items()
        if name in (*result["files"], "result.json")
    ]
    return Section(
        **basics(part),
        table=experiment.table(result),
        notes=(*experiment.notes(result), *published, *result["remarks"]),
        figures=tuple(link for link in links if link.path.endswith(".png")),
        files=tuple(link for link in links if not link.path.endswith(".png")),
        command=result["command"],
        remark=f"{ran_on(result)}{result['mark']}; took {result['seconds']} s",
        demo=result["demo"],
    )


def ran_on(result: Result) -> str:
    """Data and weights of a result, in words."""
    data = [f"{result['dataset']} ({result['classes']} classes)"] if result["dataset"] else []
    return ", ".join([*data, f"{result['weights']['name']} weights"])


if __name__ == "__main__":
    run_script(main)
