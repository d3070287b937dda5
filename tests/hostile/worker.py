"""Reads files one after the other, for `harness`, and tells what became of each.

Whatever is done beside reading is noted by an audit hook: programs, connections, files written.
"""

import json
import sys
from pathlib import Path
from typing import Any

from readers import CONTROLS, READERS

from vggjax.errors import VggjaxError

_WATCHED = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "os.startfile",
            "socket.connect", "socket.bind", "os.mkdir", "os.rename", "os.remove", "os.rmdir",
            "os.link", "os.symlink", "os.truncate", "shutil.rmtree", "ctypes.dlopen",
            "pickle.find_class")  # fmt: skip
_WRITING = set("wax+")
_LONGEST = 2000  # characters of an error


class Watch:
    """What happened while it was on, by Python's audit events."""

    def __init__(self) -> None:
        self.seen: list[str] | None = None
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.seen is None:
            return
        if event in _WATCHED:
            self.seen.append(f"{event} {arguments[:2]}"[:200])
        elif event == "open" and _WRITING & set(str(arguments[1])):
            self.seen.append(f"open {arguments[:2]}"[:200])


def peak() -> int:
    """Megabytes that this process has had at most since `forget_peak`."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def forget_peak() -> None:
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")


def outcome(read: Any, path: Path) -> tuple[str, str]:
    """What reading gave: accepted, refused, or wrong with an explanation."""
    try:
        read(path)
    except VggjaxError as error:
        text = str(error)
        fine = len(text) <= _LONGEST and text.isprintable()
        return ("refused", text[:300]) if fine else ("wrong", f"its sentence is {text[:300]!r}")
    except Exception as error:
        return "wrong", f"{type(error).__name__}: {error}"[:300]
    return "accepted", ""


def main() -> None:
    """Answer each line on stdin, a reader's name and a path, with one line on stdout."""
    readers, watch = {reader.name: reader for reader in (*READERS, *CONTROLS)}, Watch()
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        name, path, watched = json.loads(line)
        forget_peak()
        watch.seen = [] if watched else None
        kind, text = outcome(readers[name].read, Path(path))
        done, watch.seen = watch.seen or [], None
        print(json.dumps([kind, text, done, peak()]), file=answers, flush=True)


if __name__ == "__main__":
    main()
