"""Ctrl-C, sent to real programs: one line, status 130, at once, nothing left behind."""

import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAMS = [
    *sorted(ROOT.glob("experiments/*.py")),
    *(ROOT / "vggjax" / name for name in ("__init__.py",)),
]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are others there")

# Says what is kept, writes a file and then does not come back to Python for a long time.
WORKS = """
import sys, time
from pathlib import Path
from vggjax import interrupts
from vggjax.claims import temporary
{install}
import ctypes
with interrupts.keeping(lambda: "all"), interrupts.keeping(lambda: "{kept}"):
    with temporary(Path(sys.argv[1]) / "a", folder=True) as folder:
        (folder / "b").touch()
        say = lambda: print("works", flush=True)
        {work}
print("went on", flush=True)
"""
CHILD = """child = subprocess.Popen(["sleep", "100"])
        with interrupts.ended_with_us(child):
            say(), child.wait()"""
IN_C = (
    "say(), ctypes.CDLL(None).sleep(100)"  # without the lock that Python's threads take turns with
)


@pytest.fixture
def started(tmp_path):
    """Starts a program and waits for its first line; it ends with the test."""
    programs = []

    def start(*command, first=None):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        pipe = subprocess.PIPE
        program = subprocess.Popen(
            [sys.executable, *map(str, command)], stdout=pipe, stderr=pipe, text=True, cwd=tmp_path,
            env=environment,
        )  # fmt: skip
        programs.append(program)
        if first:
            assert program.stdout.readline() == first, program.stderr.read()
        return program

    yield start
    for program in programs:
        program.kill()
        program.communicate()


def ended(program, number=signal.SIGINT):
    """What a program says after a signal, and how long that takes, in seconds."""
    begin = time.monotonic()
    program.send_signal(number)
    out, errors = program.communicate(timeout=60)
    return out, errors, time.monotonic() - begin


@pytest.mark.parametrize("work", ["say(), time.sleep(100)", IN_C, CHILD])
@pytest.mark.parametrize(
    ("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "stopped")]
)
def test_wherever_a_program_is(started, tmp_path, work, number, word):
    code = WORKS.format(install="import subprocess; interrupts.install()", kept="", work=work)
    program = started("-c", code, tmp_path / "kept", first="works\n")
    out, errors, seconds = ended(program, number)
    assert program.returncode == 128 + number
    assert (out, errors) == ("", f"{word}: all; the same command goes on from there\n")
    assert seconds < 30, "the work would take 100"
    assert list((tmp_path / "kept").iterdir()) == []


def test_the_innermost_has_the_word(started, tmp_path):
    code = WORKS.format(install="interrupts.install()", kept="a part", work=IN_C)
    program = started("-c", code, tmp_path, first="works\n")
    assert ended(program)[1] == "interrupted: a part; the same command goes on from there\n"


def test_nobody_can_swallow_it(started, tmp_path):
    """As the imports of some libraries do, and what is called while an object goes."""
    swallow = "try:\n            say(), time.sleep(100)\n        except BaseException: pass"
    code = WORKS.format(install="interrupts.install()", kept="", work=swallow)
    program = started("-c", code, tmp_path, first="works\n")
    out, *_ = ended(program)
    assert (program.returncode, out) == (130, "")


def test_a_program_that_is_ending_keeps_its_status(started, tmp_path):
    """While its objects go, which takes its time with large libraries."""
    late = "class Late:\n    def __del__(self): print('ends', flush=True); sleep(0.5)"
    code = f"from time import sleep\nfrom vggjax import interrupts\n{late}\n"
    code += "interrupts.install()\nkept = Late()\nimport sys\nsys.exit(2)"
    program = started("-c", code, first="ends\n")
    assert ended(program)[1] == ""
    assert program.returncode == 2


def test_pressed_more_than_once(started, tmp_path):
    code = WORKS.format(install="interrupts.install()", kept="", work="say(), time.sleep(100)")
    program = started("-c", code, tmp_path, first="works\n")
    for _ in range(5):
        program.send_signal(signal.SIGINT)
    _, errors, _ = ended(program)
    assert (program.returncode, errors.count("\n")) == (130, 1)


def test_other_people_s_programs_are_left_alone(started, tmp_path):
    code = WORKS.format(
        install="import vggjax, vggjax.startup, vggjax.cache",
        kept="",
        work="say(), time.sleep(100)",
    )
    program = started("-c", code, tmp_path, first="works\n")
    _, errors, _ = ended(program)
    assert errors.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "vggjax.weights", "verify", ROOT / "weights" / "demo"),
        ("-m", "vggjax", "caltech", "--samples", "2"),
        (ROOT / "experiments" / "visualize.py", "--layer", "block5_conv3"),
    ],
    ids=["module", "command", "script"],
)
@pytest.mark.parametrize("after", [0, 0.3, 0.9])
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads are seen otherwise there")
def test_while_it_is_importing(started, tmp_path, command, after):
    program = started(*command)
    while len(list(Path(f"/proc/{program.pid}/task").iterdir())) < 2:
        time.sleep(0.001)  # until the thread is there: Python's own start is nobody's
    time.sleep(after)
    out, errors, seconds = ended(program)
    if program.returncode == 0:  # it was faster
        assert out
        return
    assert (program.returncode, errors.count("\n")) == (130, 1)
    assert errors.startswith("interrupted: ")
    assert seconds < 30
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_it_is_seen_to_before_anything_else_is_imported(program):
    tree = ast.parse(program.read_text())
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    is_program = program.parent.name == "vggjax" or any(
        isinstance(node, ast.If) and "__main__" in ast.unparse(node.test) for node in tree.body
    )
    first = "from vggjax import startup" if program.stem == "__init__" else "import vggjax.startup"
    lines = [ast.unparse(node) for node in imports]
    slow = [line for line in lines if not line.startswith(("from __future__", "from typing"))]
    assert not is_program or slow[0].startswith(first)
