import hashlib
import http.server
import threading
import time

import pytest

from vggjax.download import download, url_reachable
from vggjax.errors import VggjaxError

CONTENT = b"weights" * 1000


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow":
            time.sleep(3)
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        body = CONTENT[:100] if self.path == "/short" else CONTENT
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.handle_error = lambda *arguments: None
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_reachable(server):
    assert url_reachable(f"{server}/file")
    assert not url_reachable(f"{server}/missing")
    assert not url_reachable("http://127.0.0.1:9/")
    start = time.monotonic()
    assert not url_reachable(f"{server}/slow", timeout=0.3)
    assert time.monotonic() - start < 2


def test_download(server, tmp_path, capsys):
    target = tmp_path / "new" / "file"
    known = "sha256:" + hashlib.sha256(CONTENT).hexdigest()[:8]
    assert download(f"{server}/file", target, known, 2_000_000) == target
    assert target.read_bytes() == CONTENT
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"Downloading 2 MB from {server}/file\n"
    assert download("http://127.0.0.1:9/", target, known, 1) == target
    target.write_bytes(b"something else")
    with pytest.raises(VggjaxError, match="deleted because its sha256"):
        download("http://127.0.0.1:9/", target, known, 1)
    assert not target.exists()


@pytest.mark.parametrize(
    ("path", "size", "message"),
    [
        ("file", 7000, r"deleted because its md5 is [0-9a-f]{32} instead of 0123"),
        ("missing", 7000, r"cannot be reached; .*--weights PATH"),
        ("short", 7000, "broke off|deleted because"),
        ("file", 10**18, "has no room for a download of 1,000,000,000,000 MB"),
    ],
)
def test_failures_leave_nothing(server, tmp_path, path, size, message):
    with pytest.raises(VggjaxError, match=message):
        download(f"{server}/{path}", tmp_path / "file", "md5:0123", size)
    assert not list(tmp_path.iterdir())
