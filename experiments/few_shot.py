"""What the few-shot experiments share: load, split, train one head per size and seed, report."""

import argparse
import time
from contextlib import ExitStack

from cluster import add_cluster_options, start_cluster
from common import Setting, add_run_options, check_layer, load_data, load_network, weights_name
from few_shot_results import (
    Experiment,
    make_result,
    origin,
    print_result,
    stored_result,
    write_files,
)
from tqdm import tqdm

from vggjax.collective import from_first, is_first
from vggjax.data import Split, reuse_or_make, summary
from vggjax.report import EventLog, require_tensorboard
from vggjax.transfer import Epoch, FitConfig, Trained, train_sizes
from vggjax.weights import weights_identity


def add_few_shot_options(parser: argparse.ArgumentParser, out: str, **defaults: object) -> None:
    """The recipe, what is written, and the processes; `defaults` are those unlike row C1's."""
    add = parser.add_argument
    add("--samples", type=int, nargs="+", default=[4], help="training images per class")
    add("--val", type=int, default=24, help="validation images per class")
    add("--test", type=int, default=24, help="test images per class")
    add("--layer", default="fc2", help="the last frozen layer")
    add("--epochs", type=int, default=20, help="at most so many")
    add("--batch-size", type=int, default=32)
    add("--lr", type=float, default=1e-3, help="learning rate of RMSprop")
    add("--patience", type=int, help="stop after so many epochs without a better validation loss")
    add("--end-to-end", action="store_true", help="run the whole network in every training step")
    add_run_options(parser, out)
    add("--again", action="store_true", help="train even if the same run is there already")
    add("--no-classifiers", action="store_true", help="don't save the trained heads")
    add("--tensorboard", action="store_true", help="write TensorBoard logs, too")
    add_cluster_options(parser)
    parser.set_defaults(**defaults)


def run_few_shot(options: argparse.Namespace, experiment: Experiment) -> None:
    """Load, split, extract, train one head per number of samples and seed, and report.

    Where the same has been done before (R2), report that, without training or loading weights.
    """
    start = time.perf_counter()
    configs = [fit_config(options, seed) for seed in options.seed]
    if options.tensorboard:
        require_tensorboard()
    start_cluster(options)
    check_layer(options, options.layer)
    dataset = load_data(options, experiment.load, experiment.banner)
    print(summary(dataset).splitlines()[0], flush=True)
    splits = from_first(
        lambda: reuse_or_make(
            options.out / "split.json",
            dataset,
            max(options.samples),
            options.val,
            options.test,
            options.seed,
            experiment.make_split,
        )
    )
    made_from = from_first(lambda: origin(options, dataset, splits))
    done = from_first(lambda: None if options.again else stored_result(options, made_from))
    if done:
        print_result(done, experiment, f"{options.out} has this run already (--again trains anew)")
        return
    setting = Setting(dataset, load_network(options, dataset, options.layer))
    results = [
        trained
        for split, config in zip(splits, configs, strict=True)
        for trained in train(setting, split, config, options)
    ]
    if is_first():
        made_from["weights"] = weights_identity(weights_name(options, dataset), options.layer)
        runs = [trained.run for trained in results]
        seconds = time.perf_counter() - start
        result = make_result(options, experiment, setting, runs, made_from, seconds)
        write_files(options, experiment, setting, results, result)
        print_result(result, experiment, f"{options.out} written after {seconds:.1f} s")


def fit_config(options: argparse.Namespace, seed: int) -> FitConfig:
    """The options' training recipe; on cached features, evaluation takes larger batches."""
    return FitConfig(
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.lr,
        patience=options.patience,
        seed=seed,
        evaluation_batch=None if options.end_to_end else 256,
    )


def train(
    setting: Setting, split: Split, config: FitConfig, options: argparse.Namespace
) -> list[Trained]:
    """One head for each number of samples, behind a progress bar."""
    silent = None if is_first() else True
    total = config.epochs * len(set(options.samples))
    with ExitStack() as stack:
        bar = tqdm(total=total, desc=f"seed {config.seed}", unit="epoch", disable=silent)
        progress = stack.enter_context(bar)
        logs = _event_logs(options, config.seed, stack)

        def show(samples: int, epoch: Epoch) -> None:
            if epoch.validation:
                progress.set_postfix(val_loss=f"{epoch.validation.loss:.3f}", refresh=False)
            progress.update()
            if logs:
                logs[samples].add(epoch)

        return train_sizes(
            setting.weights.chain(until=options.layer),
            setting.dataset,
            split,
            options.samples,
            config,
            resize=options.resize,
            end_to_end=options.end_to_end,
            on_epoch=show,
        )


def _event_logs(options: argparse.Namespace, seed: int, stack: ExitStack) -> dict[int, EventLog]:
    """A TensorBoard log for each number of samples, where they are asked for."""
    if not (options.tensorboard and is_first()):
        return {}
    folder = options.out / "tensorboard"
    logs = {n: EventLog(folder / f"{n}-seed{seed}") for n in sorted(set(options.samples))}
    for log in logs.values():
        stack.callback(log.close)
    return logs
