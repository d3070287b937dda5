"""A server of one file, as good or as bad as a test wants it."""

import contextlib
import http.server
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Served:
    """The file, and how it is sent; `asked` notes each request's range ("" for all of it)."""

    content: bytes
    url: str = ""
    ranges: bool = True  # whether a part can be asked for
    cut: int | None = None  # after so many bytes of a body, the connection ends
    piece: int = 2**16  # bytes at a time
    pause: float = 0  # seconds between them
    length: bool = True  # whether the length is announced
    endless: bool = False  # whether the body goes on after the content
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    sent: int = 0  # bytes of all bodies


class _Handler(http.server.BaseHTTPRequestHandler):
    server: "_Server"

    def do_GET(self) -> None:
        served = self.server.served
        begin = self.headers.get("Range", "")
        served.asked.append(begin)
        start = int(begin.removeprefix("bytes=").rstrip("-")) if begin and served.ranges else 0
        status = served.status
        if start and status == 200:
            status = 206 if start < len(served.content) else 416
        body = served.content[start:] if status < 400 else b"no"
        self.send_response(status)
        if served.length:
            self.send_header("Content-Length", str(len(body)))
        for name, value in served.headers.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self._send(body)

    def _send(self, body: bytes) -> None:
        served = self.server.served
        body = body[: served.cut]
        while body:
            self.wfile.write(body[: served.piece])
            served.sent += len(body[: served.piece])
            body = body[served.piece :] or (served.content if served.endless else b"")
            time.sleep(served.pause)

    def log_message(self, *arguments: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    served: Served

    def handle_error(self, *arguments: object) -> None:
        pass


@contextlib.contextmanager
def serving(content: bytes) -> Iterator[Served]:
    """A server on this machine that sends `content`, whatever it is asked for."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.served = Served(content, f"http://127.0.0.1:{server.server_address[1]}/file")
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.served
        server.shutdown()
