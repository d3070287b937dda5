"""Logs for TensorBoard, where the disk has no room for them."""

import errno
import os
from contextlib import closing

import pytest

from vggjax.report import EventLog
from vggjax.training.history import Epoch, Metrics


def test_a_full_disk_is_an_error_with_the_folder_s_name(tmp_path, monkeypatch):
    """And no thread that dies with a traceback, so that the run hangs at the eleventh number."""
    pytest.importorskip("tensorboardX")
    log = EventLog(tmp_path / "log")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(log._writer, "_write_serialized_event", full)
    with closing(log), pytest.raises(OSError, match="No space") as raised:
        log.add(Epoch(1, Metrics(1.0, 0.5), None))
    assert raised.value.filename == str(tmp_path / "log")
