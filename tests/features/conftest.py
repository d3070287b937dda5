"""Other Python programs that run the tests' functions."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def run_programs(run_together):
    """Runs `code` once for each list of arguments, all at once; returns what they print."""

    def run(code, arguments=((),), xla_flags=""):
        here = Path(__file__).parent
        paths = os.pathsep.join([str(here), str(here.parents[1])])
        environment = {"XLA_FLAGS": xla_flags, "PYTHONPATH": paths}
        done = run_together(
            [["-c", code, *own] for own in arguments], [environment] * len(arguments)
        )
        assert [status for status, *_ in done] == [0] * len(done), done
        return [output for _, output, _ in done]

    return run
