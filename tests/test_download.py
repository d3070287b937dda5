"""Downloads from a server on this machine: continued, bounded, checked, and made once."""

import hashlib
import random
import re
import socket
import subprocess
import sys
import time

import pytest
from http_helpers import serving

from vggjax import interrupts, transfer
from vggjax.download import download, part_of, url_reachable
from vggjax.errors import VggjaxError

CONTENT = random.Random(0).randbytes(300_000)
SIZE = len(CONTENT)
HASH = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
DOWNLOADS = """
import sys
from pathlib import Path
from vggjax.download import download
download(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
"""


@pytest.fixture
def server():
    with serving(CONTENT) as served:
        yield served


@pytest.fixture
def target(tmp_path):
    return tmp_path / "new" / "file"


def fetch(server, target, known_hash=HASH, size=SIZE):
    return download(server.url, target, known_hash, size)


def refuses(server, target, message, **given):
    with pytest.raises(VggjaxError, match=message):
        fetch(server, target, **given)
    return left(target)


def left(target):
    """The names beside the target, if there is a folder for it."""
    return sorted(path.name for path in target.parent.glob("*"))


def start(server, target):
    words = [sys.executable, "-c", DOWNLOADS, server.url, target, HASH, SIZE]
    return subprocess.Popen(list(map(str, words)), stderr=subprocess.PIPE, text=True)


def test_reachable(server):
    assert url_reachable(server.url)
    assert not url_reachable("http://127.0.0.1:9/")
    server.status = 404
    assert not url_reachable(server.url)


def test_who_was_silent_is_not_waited_for_again(server, tmp_path, monkeypatch):
    """Without a network a name look-up can hang; only the first start waits for its end."""
    monkeypatch.setenv("VGGJAX_CACHE", str(tmp_path))
    waited = []

    def silent(url, timeout, answers):
        waited.append(timeout)
        time.sleep(timeout + 0.2)

    monkeypatch.setattr("vggjax.download.PATIENCE", 1.1)
    with monkeypatch.context() as hanging:
        hanging.setattr(transfer, "_ask", silent)
        begin = time.monotonic()
        assert not url_reachable(server.url)
        assert not url_reachable(server.url)
        assert time.monotonic() - begin < 4
        assert not url_reachable(f"{server.url}another")
    assert waited == [1.1, 1.0, 1.1], "each address has a patience of its own"
    assert url_reachable(server.url), "an answer in time counts in any case"
    monkeypatch.setattr(transfer, "_ask", silent)
    assert not url_reachable(server.url)
    assert waited[3:] == [1.1], "and the patience is back"


def test_who_refuses_at_once_is_given_the_whole_time_again(tmp_path, monkeypatch):
    monkeypatch.setenv("VGGJAX_CACHE", str(tmp_path))
    assert not url_reachable("http://127.0.0.1:9/")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("proxy", "opened"), [("", 0), ("http://127.0.0.1:9", 1)])
def test_a_host_without_an_address_is_not_asked_but_through_a_proxy(proxy, opened, monkeypatch):
    def unknown(*_):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    asked, session = [], transfer._opened
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    if proxy:
        monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr(transfer, "_opened", lambda *given: asked.append(given) or session(*given))
    assert transfer.url_problem("http://nowhere.invalid/", 5) == (
        "cannot be reached; check the network"
    )
    assert len(asked) == opened


def test_download(server, target, capsys):
    assert fetch(server, target, HASH[:20], SIZE + 100) == target, "sizes may be rounded"
    assert target.read_bytes() == CONTENT
    assert left(target) == ["file"]
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"Downloading 0 MB from {server.url}\n")
    server.asked.clear()
    fetch(server, target)
    assert server.asked == []


def test_a_file_placed_by_hand_is_named_and_stays(server, target):
    target.parent.mkdir()
    target.write_bytes(b"something else")
    words = rf"{re.escape(str(target))} is not the file .* its sha256 is [0-9a-f]{{64}} instead of"
    assert refuses(server, target, f"{words} .*; move it away") == ["file"]
    assert target.read_bytes() == b"something else"
    assert server.asked == []


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_download_goes_on(server, target, ranges, capsys):
    server.ranges, server.cut = ranges, 100_000
    kept = r"broke off \(\w+\); try again; 0\.1 of 0\.3 MB of the download are kept"
    assert refuses(server, target, kept) == ["file.part"]
    server.cut, server.sent = None, 0
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=100000-"
    assert "the last 0.2 of 0 MB" in capsys.readouterr().err
    assert left(target) == ["file"]


def test_a_cut_without_a_length_is_noticed(server, target):
    server.length, server.cut = False, 100_000
    assert refuses(server, target, "broke off; try again; 0.1 of") == ["file.part"]
    server.cut = None
    fetch(server, target)


@pytest.mark.parametrize("part", [CONTENT, CONTENT[:1000], b"x" * 1000, b"x" * 10**6])
def test_the_checksum_decides_of_what_is_kept(server, target, part):
    target.parent.mkdir()
    part_of(target).write_bytes(part)
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert left(target) == ["file"]
    assert server.asked[1] == f"bytes={len(part)}-"
    assert server.asked[2:] == ([] if CONTENT.startswith(part) else [""])


@pytest.mark.parametrize("part", [b"", b"x" * 1000])
def test_a_wrong_checksum(server, target, part):
    target.parent.mkdir()
    part_of(target).write_bytes(part)
    words = r"deleted because its md5 is [0-9a-f]{32} instead of 0123"
    assert refuses(server, target, words, known_hash="md5:0123") == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "answers 404 Not Found: the file has moved or is gone; .*--weights PATH"),
        (403, "answers 403 Forbidden; try another network, or"),
        (503, "answers 503 Service Unavailable; try again later, or"),
        (499, "answers 499; try again later, or"),
    ],
)
def test_an_answer_is_said_as_what_it_is(server, target, status, words):
    server.status = status
    assert refuses(server, target, words) == []


def test_out_of_reach(target):
    with pytest.raises(VggjaxError, match="cannot be reached; check the network, or download"):
        download("http://127.0.0.1:9/", target, HASH, SIZE)
    assert left(target) == []


def test_redirects_end(server, target):
    server.status, server.headers = 302, {"Location": "/again"}
    assert refuses(server, target, "redirects without an end") == []
    assert len(server.asked) < 20


@pytest.mark.parametrize("length", [True, False])
def test_a_web_page_is_not_taken_and_what_is_kept_stays(server, target, length):
    server.cut = 100_000
    refuses(server, target, "broke off")
    server.content, server.ranges, server.length = b"<html>login</html>", False, length
    server.headers = {"Content-Type": "text/html; charset=utf-8"}
    assert refuses(server, target, "gives a web page instead .* login") == ["file.part"]
    assert part_of(target).read_bytes() == CONTENT[:100_000]


def test_another_file_shows_by_its_size(server, target):
    assert refuses(server, target, "has 300,000 bytes instead of 2,000,000", size=2_000_000) == []
    assert server.sent == 0 or not target.exists()


def test_an_endless_body_ends(server, target):
    server.endless, server.length = True, False
    assert refuses(server, target, "sends more than the 300,000 bytes") == []
    assert server.sent < 10**7


def test_a_drip_is_not_waited_for(server, target, monkeypatch):
    monkeypatch.setattr(transfer, "WINDOW", 0.3)
    server.piece, server.pause = 1, 0.05
    begin = time.monotonic()
    assert refuses(server, target, r"stalled \(less than 1,000 bytes") == ["file.part"]
    assert time.monotonic() - begin < 3
    server.piece, server.pause = 2**16, 0
    fetch(server, target)
    assert target.read_bytes() == CONTENT


def test_silence_is_not_waited_for(server, target, monkeypatch):
    monkeypatch.setattr(transfer, "_SILENCE", 0.2)
    server.piece, server.pause = 1000, 1
    assert refuses(server, target, r"broke off \(ReadTimeout") == ["file.part"]


def test_no_room(server, target, monkeypatch):
    words = "has no room for a download of 1,000,000,000,000 MB"
    assert refuses(server, target, words, size=10**18) == []


def test_a_disk_that_fills_up(server, target, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(transfer, "_copy", full)
    words = rf"{re.escape(str(target))}\.part can't be written \(No space left on device\)"
    refuses(server, target, words)


def test_an_interruption_says_what_is_kept(server, target, monkeypatch):
    target.parent.mkdir()
    part_of(target).write_bytes(CONTENT[:200_000])

    said = []

    def interrupt(*_):
        said.append(interrupts.kept())
        raise KeyboardInterrupt

    monkeypatch.setattr(transfer, "_copy", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch(server, target)
    assert said[0].startswith("0.2 of 0.3 MB of the download are kept")
    assert left(target) == ["file.part"]


def test_of_two_processes_one_downloads(server, target):
    server.pause = 0.3
    programs = [start(server, target)]
    while not server.sent:
        time.sleep(0.01)
    programs.append(start(server, target))
    texts = [program.communicate()[1] for program in programs]
    assert [program.returncode for program in programs] == [0, 0]
    assert target.read_bytes() == CONTENT
    assert server.sent < 2 * SIZE
    assert [text.split()[0] for text in texts] == ["Downloading", "Waiting"]
    assert left(target) == ["file"]
