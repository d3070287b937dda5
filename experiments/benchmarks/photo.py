"""Workload `photo`: one photograph, from its file to the probabilities of its classes."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.special import softmax

from benchmarks import onnx, pytorch
from benchmarks.inputs import Network, Sizes, photo_like
from benchmarks.measure import Arm, Skip, Timed, compare, run_python
from benchmarks.results import Comparison, Row
from vggjax.command import open_cache
from vggjax.errors import VggjaxError
from vggjax.model import VGGConfig
from vggjax.training import Classifier

_CLASSES, _PROCESSES = 16, 3  # for each arm, at most: one takes many seconds
_KEPT = "this project, its programs kept"
_MEANS = np.array([103.939, 116.779, 123.68], np.float32)  # of blue, green and red
_SOFTER = 1e-2  # random weights give logits so far apart that all but one probability are 0


def one_photo(sizes: Sizes) -> list[Comparison]:
    """A JPEG of 640 x 480: the first call in a process, and the calls after it."""
    (path, *_) = sorted(photo_like(sizes.photos).iterdir())
    config = replace(sizes.network, classes=_CLASSES)
    network = _network(config)
    arms = [
        Arm(name, partial(make, network, path), ours=make is _ours)
        for name, make in MAKERS.items()
        if name != _KEPT
    ]
    later = compare(arms, sizes.rounds)
    first = tuple(_first_calls(name, config, path, sizes.rounds) for name in MAKERS)
    about = f"a photograph of 640 x 480 to {_CLASSES} classes, {config.image_size} px"
    decoded = "decoding, resizing, the network until its probabilities"
    return [
        Comparison(
            "photo first",
            f"{about}: first call in a process",
            first,
            notes=(decoded, "importing and loading the weights are not counted"),
        ),
        Comparison("photo later", f"{about}: later calls", later, notes=(decoded,)),
    ]


def _network(config: VGGConfig) -> Network:
    network = Network.random(config, "predictions")
    last = {name: array * _SOFTER for name, array in network.params["predictions"].items()}
    return replace(network, params={**network.params, "predictions": last})


def _first_calls(name: str, config: VGGConfig, path: Path, rounds: int) -> Row:
    """That of some new processes."""
    job = json.dumps([name, config.to_json(), str(path)])
    arguments = ["-m", "benchmarks.photo", job]
    ours, count = MAKERS[name] is _ours, max(1, min(rounds // 2, _PROCESSES))
    try:
        if name == _KEPT:  # a process before them leaves its programs
            run_python(arguments, Path(__file__).resolve().parents[1])
        told = [run_python(arguments, Path(__file__).resolve().parents[1]) for _ in range(count)]
    except Skip as error:
        if ours:
            raise VggjaxError(f"The first call failed: {error}") from error
        return Row(name, skipped=str(error))
    return Row(name, tuple(map(float, told)), ours=ours)


def time_first_call(name: str, config: dict, path: str) -> None:
    """What the new process does: prints the seconds of one call."""
    if name == _KEPT:
        open_cache()
    run = MAKERS[name](_network(VGGConfig.from_json(config)), Path(path))
    start = time.perf_counter()
    run()
    print(time.perf_counter() - start)


def _ours(network: Network, path: Path) -> Timed:
    names = tuple(f"{number:02d}" for number in range(_CLASSES))
    chain = network.chain()
    backbone, head = chain.until("fc2"), chain.after("fc2")
    classifier = Classifier(backbone, head, names, resize="bilinear")

    def run() -> np.ndarray:
        prediction = classifier.predict(path)
        return np.array([prediction[name] for name in names])

    return run


def _theirs(make: Callable[[Network], Callable], network: Network, path: Path) -> Timed:
    apply, side = make(network), network.config.image_size
    return lambda: softmax(apply(_prepared(path, side))[0])


def _prepared(path: Path, side: int) -> np.ndarray:
    """The photograph as the network takes it, float32 BGR (1, side, side, 3)."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR))
    return pixels[None, ..., ::-1].astype(np.float32) - _MEANS


MAKERS: dict[str, Callable[[Network, Path], Timed]] = {
    "this project": _ours,
    _KEPT: _ours,
    "ONNX Runtime": partial(_theirs, onnx.predictor),
    "PyTorch": partial(_theirs, pytorch.predictor),
}

if __name__ == "__main__":
    time_first_call(*json.loads(sys.argv[1]))
