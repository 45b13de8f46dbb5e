"""Reads until when servers' certificates are valid, by shaking hands; no Flask, no session."""

import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from dashboard.health.connection import ProbeError

TIMEOUT_SECONDS = 3.0
POSTGRES_TLS = struct.pack("!II", 8, 80_877_103)  # SSLRequest of the protocol
EXPLICIT_0 = 0xA0
UTC_TIME, PIVOT = 0x17, 50
COMMON_NAME = bytes((0x55, 0x04, 0x03))


@dataclass(frozen=True)
class Endpoint:
    """A place that may have a certificate. `postgres` says that it is asked for TLS first."""

    name: str
    host: str
    port: int
    postgres: bool = False


@dataclass(frozen=True)
class Certificate:
    """A server's certificate; `encrypted` is false where it offers none, `error` when it did not answer."""

    name: str
    address: str
    encrypted: bool
    subject: str = ""
    begins_at: datetime | None = None
    expires_at: datetime | None = None
    protocol: str = ""
    error: str = ""


def read_certificate(endpoint: Endpoint) -> Certificate:
    """Shake hands with a server; what is wrong with it becomes part of the answer."""
    address = f"{endpoint.host}:{endpoint.port}"
    try:
        with _connected(endpoint) as plain:
            if plain is None:
                return Certificate(endpoint.name, address, encrypted=False)
            return _shaken(endpoint, address, plain)
    except (OSError, ProbeError) as error:
        return Certificate(endpoint.name, address, encrypted=False, error=str(error))


@contextmanager
def _connected(endpoint: Endpoint) -> Iterator[socket.socket | None]:
    with socket.create_connection((endpoint.host, endpoint.port), TIMEOUT_SECONDS) as plain:
        plain.settimeout(TIMEOUT_SECONDS)
        if endpoint.postgres:
            plain.sendall(POSTGRES_TLS)
            yield plain if plain.recv(1) == b"S" else None
        else:
            yield plain


def _shaken(endpoint: Endpoint, address: str, plain: socket.socket) -> Certificate:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # an expired or foreign certificate is to be looked at, not refused
    context.verify_mode = ssl.CERT_NONE
    with context.wrap_socket(plain, server_hostname=endpoint.host) as link:
        content = link.getpeercert(binary_form=True)
        if content is None:
            raise ProbeError("it showed no certificate")
        subject, begins, expires = validity_of(content)
        return Certificate(
            endpoint.name,
            address,
            encrypted=True,
            subject=subject,
            begins_at=begins,
            expires_at=expires,
            protocol=link.version() or "",
        )


def validity_of(content: bytes) -> tuple[str, datetime, datetime]:
    """Return common name, begin and end of an X.509 certificate in DER. Raises ProbeError."""
    try:
        body = _children(_children(content)[0][1])[0][1]
        fields = _children(body)
        if fields[0][0] == EXPLICIT_0:  # the version, left out of the oldest kind
            fields = fields[1:]
        begins, expires = (_moment(tag, value) for tag, value in _children(fields[3][1]))
        return _common_name(fields[4][1]), begins, expires
    except (IndexError, ValueError) as error:
        raise ProbeError("its certificate cannot be read") from error


def _children(content: bytes) -> list[tuple[int, bytes]]:
    """Take a DER value apart: tag and content of each part."""
    found, at = [], 0
    while at < len(content):
        tag, length, at = content[at], content[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(content[at : at + size], "big"), at + size
        found.append((tag, content[at : at + length]))
        at += length
    return found


def _moment(tag: int, value: bytes) -> datetime:
    text = value.decode("ascii")
    if tag == UTC_TIME:  # two digits of the year, which X.509 reads as 1950 to 2049
        text = ("19" if int(text[:2]) >= PIVOT else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _common_name(name: bytes) -> str:
    for _tag, part in _children(name):
        for _set, pair in _children(part):
            key, value = _children(pair)[:2]
            if key[1] == COMMON_NAME:
                return value[1].decode(errors="replace")
    return ""
