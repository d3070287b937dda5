"""The first import of every program here: from then on Ctrl-C ends it in one line.

It does nothing in anybody else's program.
"""

import sys
from pathlib import Path

_SCRIPTS = Path(__file__).parents[1] / "experiments", Path(__file__).parent / "experiments"


def is_ours() -> bool:
    """Whether the running program is one of `vggjax COMMAND`, `python -m vggjax…`, or a script."""
    main = sys.modules["__main__"]
    module = getattr(getattr(main, "__spec__", None), "name", None)
    if sys.argv[:1] == ["-m"]:  # Python is still importing the packages around the module
        module = sys.orig_argv[sys.orig_argv.index("-m") + 1]
    if module:
        return module.partition(".")[0] == "vggjax"
    file = Path(getattr(main, "__file__", "") or "")
    return file.stem == "vggjax" or file.resolve().parent in _SCRIPTS


if is_ours():
    from vggjax import interrupts

    interrupts.install()
