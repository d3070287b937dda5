"""An experiment: a question as data and one function; and the engine that runs it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import fill
from typing import Any, Generic

from engine.cluster import require_same_start, start
from engine.command_line import command, parse, settings
from engine.heads import LIVE
from engine.job import Job, Outcome, is_reference_data
from engine.options import OptionsT
from engine.readable import readable_splits
from engine.results import origin_of, shortfall, write_files
from engine.run_folder import Result, RunFolder
from engine.script import run_script
from engine.sources import load_images
from vggjax.collective import entered_by_first, fail_together, from_first, is_first
from vggjax.command import open_cache
from vggjax.data import Dataset, headline
from vggjax.errors import visible
from vggjax.provenance import provenance
from vggjax.report import Table, require_tensorboard
from vggjax.report.tables import WIDTH
from vggjax.weights import title_of

OverviewRow = tuple[str, str, str]  # what, the reference's, ours


@dataclass(frozen=True)
class Experiment(Generic[OptionsT]):
    """One question: its options, what it trains or draws, and how its result is shown.

    `rows` are the reference's, `text` says what to look for. `layers` are those whose outputs it
    needs; `load` gives its images (None: it needs none) and the name of its weights by default.
    All that is shown is made of the stored result: `table`, its `notes`, the last `line`, rows of
    the page's `overview`, and `captions` of its figures, by file. `reference_layers` are those that
    the reference's numbers are of (none: whatever the layers are).
    """

    name: str
    rows: str
    title: str
    text: str
    description: str
    options: type[OptionsT]
    layers: Callable[[OptionsT], Sequence[str]]
    run: Callable[[Job[OptionsT]], Outcome]
    table: Callable[[Result], Table]
    line: Callable[[Result], str]
    load: Callable[[Any], tuple[Dataset | None, str]] = load_images
    variant: Callable[[OptionsT], str] = lambda options: ""
    notes: Callable[[Result], Sequence[str]] = lambda result: ()
    overview: Callable[[Result], Sequence[OverviewRow]] = lambda result: ()
    captions: Mapping[str, str] = field(default_factory=dict)
    reference_layers: tuple[str, ...] = ()


def main(experiment: Experiment[Any], arguments: Sequence[str] | None = None) -> None:
    """An experiment's script: its options are those of the command line."""
    run_script(lambda: run_with(experiment, arguments))


def run_with(experiment: Experiment[Any], arguments: Sequence[str] | None = None) -> Result:
    """Run an experiment with the options in `arguments`; raises VggjaxError for wrong ones."""
    options = parse(experiment.options, experiment.description, arguments)
    open_cache()
    start(options)
    return run(experiment, options)


def run(experiment: Experiment[OptionsT], options: OptionsT) -> Result:
    """Report what is there, or run the experiment, keep its files, and report (R2)."""
    begin = time.perf_counter()
    if LIVE in options.wanted_files:
        require_tensorboard()
    job = prepare(experiment, options)
    folder = RunFolder(job.out)
    from_first(folder.require_usable)
    with entered_by_first(folder.claimed()):
        split(job)
        origin = from_first(lambda: origin_of(experiment.name, job))
        wanted = options.wanted_files
        done = from_first(lambda: None if options.again else folder.stored(origin, wanted))
        if done:
            remark = f"{job.out} has this run already (--again runs it anew){renamed(job, done)}"
        else:
            done, another = compute(experiment, job, folder, origin, begin)
            remark = f"{job.out} written after {time.perf_counter() - begin:.1f} s{another}"
    show(experiment, done, remark)
    return done


def compute(
    experiment: Experiment[OptionsT],
    job: Job[OptionsT],
    folder: RunFolder,
    origin: Mapping[str, Any],
    begin: float,
) -> tuple[Result, str]:
    """Run the experiment and keep its files; also, in place of what, in words."""
    with entered_by_first(folder.staged()) as job.staged:
        outcome = experiment.run(job)
        content = content_of(experiment, job, outcome, origin, time.perf_counter() - begin)
        if not is_first():
            return Result(content), ""
        write_files(job, outcome, job.staged)
        replaced = folder.replaced(content["origin"])
        return folder.replace(job.staged, content), f", in place of {replaced}" * bool(replaced)


def prepare(experiment: Experiment[OptionsT], options: OptionsT) -> Job[OptionsT]:
    """Load the data, settle what depends on them, and find the run's folder."""
    with fail_together():
        dataset, weights = experiment.load(options)
    require_same_start(options, dataset)
    if dataset is not None and (len(dataset.class_names) > 1 or dataset.notes):
        print(wrapped(headline(dataset)), flush=True)
    line = command(options, experiment.name)
    options = options.resolved(is_reference_data(dataset))
    layers = experiment.layers(options)
    data = title_of(weights) if dataset is None else dataset.name
    out = options.out or default_folder(experiment.name, data, layers, experiment.variant(options))
    as_there = {*experiment.reference_layers} <= {*layers}
    weights = options.weights or weights
    return Job(options, dataset, (), weights, layers, out, line, as_there)


def split(job: Job[Any]) -> None:
    """Split the data, of which only images that can be read take part."""
    if job.dataset is not None:
        found = readable_splits(job.options, job.dataset, job.out)
        job.dataset, job.splits, job.remarks = found


def default_folder(name: str, data: str, layers: Sequence[str], variant: str) -> Path:
    """Where a run goes unless it is said: experiments, data sets and layers are kept apart."""
    which = "+".join(layers) if len(layers) < 4 else f"{layers[0]}+{len(layers) - 1}"
    words = "-".join(word for word in (Path(data).name, which, variant) if word)
    return Path("runs") / name / "".join(c if c.isalnum() or c in "-_+." else "_" for c in words)


def renamed(job: Job[Any], done: Result) -> str:
    """What to say where the weights of a stored run, the same ones, had another name."""
    name = done["weights"]["name"]
    own = (title_of(job.weights_name), Path(job.weights_name).stem)
    return "" if name in own else f"; its weights, the same, are called {name} there"


def content_of(
    experiment: Experiment[OptionsT],
    job: Job[OptionsT],
    outcome: Outcome,
    origin: Mapping[str, Any],
    seconds: float,
) -> dict[str, Any]:
    """What `result.json` holds: the same beginning for all experiments, and the outcome."""
    return {
        "experiment": experiment.name,
        "rows": experiment.rows,
        "title": job.title,
        "mark": job.options.mark,
        "dataset": None if job.dataset is None else job.dataset.name,
        "classes": None if job.dataset is None else job.classes,
        "weights": {"name": job.weights.info.name, "hash": job.weights.hash},
        "layers": list(job.layers),
        "demo": job.demo,
        "comparable": job.comparable,
        "command": job.command,
        "settings": settings(job.options),
        "remarks": [*shortfall(job, outcome.heads), *job.remarks],
        "records": [head.record.to_json() for head in outcome.heads],
        **outcome.facts,
        "origin": {**origin, "weights": job.weights_identity},
        "seconds": round(seconds, 1),
        "made_by": provenance(),
        "files": [],
        "checksums": {},
    }


def show(experiment: Experiment[Any], result: Result, remark: str) -> None:
    """The table, what belongs to it, a remark, and the result in one line of 80 columns."""
    title, mark = result["title"], result["mark"]
    print(f"\n{shortened(title, WIDTH - len(mark))}{mark}\n{experiment.table(result).as_text()}")
    for note in (*experiment.notes(result), *result["remarks"]):
        print(wrapped(visible(note)))
    print(f"\n{visible(remark)}")
    line = experiment.line(result)
    room = max(8, WIDTH - len(mark) - len(line) - 2)
    print(wrapped(f"{shortened(title, room)}{mark}: {line}"))


def wrapped(text: str) -> str:
    """A text in lines of 80 columns, all but the first indented."""
    return fill(text, WIDTH, subsequent_indent="  ")


def shortened(text: str, most: int) -> str:
    """A text of at most so many letters, on one line."""
    text = visible(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"
