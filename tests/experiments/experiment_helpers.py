"""Running an experiment as its script does."""

import json

from engine import experiment


def run(one, arguments, out):
    """Run an experiment into `out`; the content of its `result.json`."""
    experiment.run_with(one, [*map(str, arguments), "--out", str(out)])
    return json.loads((out / "result.json").read_text())
