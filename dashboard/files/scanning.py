"""Owns the virus scan: bytes go to clamd (INSTREAM) over TCP or a unix socket, where one is configured."""

import socket
import struct
from contextlib import closing
from typing import BinaryIO
from urllib.parse import urlsplit

import structlog

from dashboard.core.errors import InvalidInputError, UnavailableError

log = structlog.get_logger()
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0
CHUNK = 64 * 1024
MAX_REPLY = 4096


class InfectedError(InvalidInputError):
    """The scanner found something."""


def scan(address: str, stream: BinaryIO, name: str) -> str:
    """Return the state to store: `clean`, or `not_scanned` where no scanner is configured (no address).

    Raises InfectedError for a finding, UnavailableError where the scanner is away or gives up.
    """
    if not address:
        return "not_scanned"
    try:
        reply = _ask(address, stream)
    except OSError as error:
        log.warning("scanner_away", error=str(error))
        raise _away() from error
    finally:
        stream.seek(0)
    return _judge(reply, name)


def _judge(reply: str, name: str) -> str:
    if reply.endswith("FOUND"):
        finding = reply.removeprefix("stream:").removesuffix("FOUND").strip()
        log.warning("file_infected", name=name, finding=finding)
        raise InfectedError(
            f"“{name}” was refused: the virus scanner found {finding}.",
            fix="Nothing was kept. Tell whoever sent it, and your administrator.",
        )
    if reply.endswith("OK"):
        return "clean"
    log.warning("scanner_gave_up", reply=reply)
    raise UnavailableError(
        "virus scanner",
        f"“{name}” could not be scanned: {reply or 'the scanner hung up'}.",
        fix="Nothing was kept. An administrator can raise StreamMaxLength of clamd, or look into its log.",
    )


def _away() -> UnavailableError:
    return UnavailableError(
        "virus scanner",
        "The virus scanner does not answer, so no file is accepted.",
        fix="Nothing was kept. Try again later; an administrator can start clamd or correct STEWARD_CLAMD.",
    )


def _ask(address: str, stream: BinaryIO) -> str:
    stream.seek(0)
    with closing(_connect(address)) as connection:
        connection.settimeout(ANSWER_SECONDS)
        try:
            connection.sendall(b"zINSTREAM\0")
            while chunk := stream.read(CHUNK):
                connection.sendall(struct.pack("!L", len(chunk)) + chunk)
            connection.sendall(struct.pack("!L", 0))
        except (BrokenPipeError, ConnectionResetError):
            pass  # over its limit clamd answers and hangs up while we still send
        return _read_reply(connection)


def _connect(address: str) -> socket.socket:
    where = urlsplit(address)
    if where.scheme == "unix":
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(CONNECT_SECONDS)
        try:
            connection.connect(where.path)
        except OSError:
            connection.close()
            raise
        return connection
    return socket.create_connection((where.hostname or "", where.port or 3310), CONNECT_SECONDS)


def _read_reply(connection: socket.socket) -> str:
    reply = b""
    while not reply.endswith(b"\0") and len(reply) < MAX_REPLY and (part := connection.recv(MAX_REPLY)):
        reply += part
    return reply.rstrip(b"\0\n").decode("utf-8", "replace")
