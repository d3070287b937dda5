"""Other Python programs that run the tests' functions."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def run_programs():
    """Runs `code` once for each list of arguments, all at once; returns what they print."""

    def run(code, arguments=((),), xla_flags=""):
        here = Path(__file__).parent
        paths = os.pathsep.join([str(here), str(here.parents[1])])
        programs = [
            subprocess.Popen(
                [sys.executable, "-c", code, *map(str, own)],
                env={**os.environ, "XLA_FLAGS": xla_flags, "PYTHONPATH": paths},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for own in arguments
        ]
        try:
            texts = [program.communicate(timeout=100) for program in programs]
        finally:
            for program in programs:
                program.kill()
        assert [program.returncode for program in programs] == [0] * len(programs), texts
        return [output for output, _ in texts]

    return run
