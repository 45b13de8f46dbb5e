"""Ends TLS in front of a server that has none of its own, as stunnel does: for Redis, and for PostgreSQL."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

SSL_REQUEST_BYTES = 8


def make_certificate(folder: Path, *, days: int) -> tuple[Path, Path]:
    """Make a self-signed certificate for erp.example.com that is valid for so many days."""
    if shutil.which("openssl") is None:
        pytest.skip("OpenSSL is not installed")
    cert, key = folder / "desk.crt", folder / "desk.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-nodes", "-days", str(days), "-subj", "/O=Desk/CN=erp.example.com"]
    subprocess.run([*command, "-out", cert, "-keyout", key], check=True, capture_output=True)
    return cert, key


@contextmanager
def tls_front(folder: Path, behind: int, *, days: int, postgres: bool = False) -> Iterator[int]:
    """Listen with TLS before the port `behind`; PostgreSQL's clients ask for TLS first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make_certificate(folder, days=days))
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                threading.Thread(target=_serve_one, args=(plain,), daemon=True).start()

    def _serve_one(plain: socket.socket) -> None:
        with suppress(OSError), plain:
            if postgres:
                plain.recv(SSL_REQUEST_BYTES)
                plain.sendall(b"S")
            with (
                context.wrap_socket(plain, server_side=True) as outside,
                closing(socket.create_connection(("127.0.0.1", behind))) as inside,
            ):
                back = threading.Thread(target=_pass_on, args=(inside, outside), daemon=True)
                back.start()
                _pass_on(outside, inside)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.close()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while content := source.recv(65_536):
            target.sendall(content)
