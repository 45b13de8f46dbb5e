"""A small HTTP server that takes what it is sent, and answers as a test wants it to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Got:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """What came, and the status to answer with."""

    port: int = 0
    status: int = 200
    location: str = ""
    got: list[Got] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/secret-path?token=hidden"


class _Answering(BaseHTTPRequestHandler):
    def _take(self) -> None:
        receiver: Receiver = self.server.receiver  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        receiver.got.append(Got(self.command, self.path, dict(self.headers), body))
        self.send_response(receiver.status)
        if receiver.location:
            self.send_header("Location", receiver.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = _take  # noqa: N815  # the names http.server calls

    def log_message(self, *_args: object) -> None:
        """Keep quiet."""


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """Serve until the block ends."""
    with ThreadingHTTPServer(("127.0.0.1", port), _Answering) as server:
        server.daemon_threads = True
        receiver = Receiver(server.server_address[1])
        server.receiver = receiver  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
