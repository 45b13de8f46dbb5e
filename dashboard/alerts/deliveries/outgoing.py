"""Calls an address that was checked: to that very IP, with time limits, following no redirect."""

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Timer

from dashboard.alerts.deliveries.destinations import Destination

STEP_SECONDS = 5.0  # without a byte
WHOLE_SECONDS = 12.0  # from connecting to the last byte
MOST_BYTES = 64 * 1024  # of an answer nobody reads


class CallError(Exception):
    """Nobody answered, or not with HTTP; the message names no part of the address but its host."""


def call(to: Destination, method: str, headers: Mapping[str, str], body: bytes = b"") -> int:
    """Send a request and return the status of its answer. Raises CallError."""
    try:
        with _connected(to) as connection:
            connection.request(method, to.path, body or None, {**headers, "Host": to.authority})
            answer = connection.getresponse()
            answer.read(MOST_BYTES)
            return answer.status
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise CallError(f"{to.host} did not answer: {_words(error)}") from error


@contextmanager
def _connected(to: Destination) -> Iterator[http.client.HTTPConnection]:
    """Connect. Whoever drips bytes for longer than the whole time is cut off."""
    connection = http.client.HTTPConnection(to.host, to.port, timeout=STEP_SECONDS)
    connection.sock = socket.create_connection((to.address, to.port), STEP_SECONDS)
    cut = Timer(WHOLE_SECONDS, _cut, (connection,))
    cut.daemon = True
    cut.start()
    try:
        if to.scheme == "https":
            context = ssl.create_default_context()
            connection.sock = context.wrap_socket(connection.sock, server_hostname=to.host)
        yield connection
    finally:
        cut.cancel()
        connection.close()


def _cut(connection: http.client.HTTPConnection) -> None:
    """End both directions of the socket itself, whatever speaks over it."""
    with suppress(OSError, AttributeError):  # it is closed already
        socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
