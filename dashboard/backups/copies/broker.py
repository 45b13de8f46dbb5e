"""Copies the broker over the wire and proves the copy in a server of its own. No file of it is touched.

Copying the append-only files of a running server is only consistent while it rewrites none of them, and
needs its disk. What a replica gets on joining is one moment's whole state, from wherever the broker runs.
"""

import secrets
import shutil
import socket
import ssl
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import redis
from redis.connection import parse_url

from dashboard.backups.copies.archives import ArchiveError, BrokenArchiveError, Tick
from dashboard.servers import ServerError, Valkey, free_port, scratch_folder
from dashboard.servers.accounts import Account
from dashboard.servers.pgdata import make_private_folder

PATIENCE_SECONDS = 30
CHUNK = 256 * 1024
LONGEST_LINE = 64 * 1024
END_MARK = 40  # length of the random mark that ends a transfer of unknown length
BASE, INCREMENT = "appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof"
MANIFEST = f"file {BASE} seq 1 type b\nfile {INCREMENT} seq 1 type i\n"
FOREIGN = "Can't handle RDB format version"


@dataclass(frozen=True)
class Loaded:
    """What a copy held when a server had read it."""

    keys: int


def snapshot(url: str, target: Path, tick: Tick) -> None:
    """Write the broker's whole state as of one moment. Raises ArchiveError."""
    try:
        with ExitStack() as stack:
            link = stack.enter_context(closing(_connect(parse_url(url))))  # type: ignore[no-untyped-call]
            answers = stack.enter_context(link.makefile("rb"))
            written = stack.enter_context(target.open("wb"))
            _ask(link, "SYNC")
            _receive(answers, written, tick)
    except OSError as error:
        raise ArchiveError(f"The broker does not answer: {error}") from error


def _connect(options: Mapping[str, Any]) -> socket.socket:
    if "path" in options:
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(PATIENCE_SECONDS)
        link.connect(options["path"])
    else:
        host, port = options.get("host", "localhost"), options.get("port", 6379)
        link = socket.create_connection((host, port), PATIENCE_SECONDS)
        if issubclass(options.get("connection_class", redis.Connection), redis.SSLConnection):
            link = ssl.create_default_context().wrap_socket(link, server_hostname=host)
    password, user = options.get("password"), options.get("username")
    if password:
        _ask(link, "AUTH", *([user] if user else []), password)
        answer = link.recv(512)
        if not answer.startswith(b"+OK"):
            link.close()
            raise ArchiveError(f"The broker refuses the login: {answer.decode(errors='replace').strip()}")
    return link


def _ask(link: socket.socket, *words: str) -> None:
    parts = [word.encode() for word in words]
    framed = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
    link.sendall(b"*%d\r\n%s" % (len(parts), framed))


def _receive(answers: BinaryIO, written: BinaryIO, tick: Tick) -> None:
    """Read `$<length>` or `$EOF:<mark>` and what follows; empty lines before it mean "not yet"."""
    line = b"\n"
    while line in {b"\n", b"\r\n"}:
        tick()
        line = answers.readline(LONGEST_LINE)
    head = line.strip()
    if head.startswith(b"$EOF:"):
        _until_mark(answers, written, head.removeprefix(b"$EOF:"), tick)
    elif head.startswith(b"$"):
        _exactly(answers, written, int(head[1:]), tick)
    else:
        said = head.decode(errors="replace") or "it closed the connection"
        raise ArchiveError(f"The broker sends no copy of itself: {said}")


def _exactly(answers: BinaryIO, written: BinaryIO, left: int, tick: Tick) -> None:
    while left:
        tick()
        chunk = answers.read(min(CHUNK, left))
        if not chunk:
            raise ArchiveError(f"The broker closed the connection {left:,} bytes before the end.")
        left -= written.write(chunk)


def _until_mark(answers: BinaryIO, written: BinaryIO, mark: bytes, tick: Tick) -> None:
    held = b""
    while not held.endswith(mark):
        tick()
        chunk = answers.read1(CHUNK)  # type: ignore[attr-defined]
        if not chunk:
            raise ArchiveError("The broker closed the connection before the end of the copy.")
        held += chunk
        ready, held = held[:-END_MARK], held[-END_MARK:]
        written.write(ready)


def lay_out(snapshot_file: Path, folder: Path, account: Account | None) -> None:
    """Make a data folder that a server with an append-only file starts from.

    Such a server ignores a `dump.rdb`: the snapshot becomes the base of its append-only file.
    """
    inside = folder / "appendonlydir"
    make_private_folder(folder, account)
    make_private_folder(inside, account)
    shutil.copyfile(snapshot_file, inside / BASE)
    (inside / INCREMENT).touch()
    (inside / "appendonly.aof.manifest").write_text(MANIFEST)
    for path in inside.iterdir():
        path.chmod(0o600)
        if account:
            account.own(path)


def prove(snapshot_file: Path) -> Loaded:
    """Start a server from a copy and count its keys. Raises BrokenArchiveError."""
    with scratch_folder("st-broker-") as folder:
        server = Valkey(folder / "broker", free_port(), secrets.token_hex(16), append_only=True)
        lay_out(snapshot_file, server.folder, server.account)
        try:
            server.start()
            with closing(redis.Redis.from_url(server.url())) as client:
                keyspace: dict[str, Any] = client.info("keyspace")
            return Loaded(sum(int(one["keys"]) for one in keyspace.values()))
        except ServerError as error:
            kind = ArchiveError if FOREIGN in str(error) else BrokenArchiveError
            raise kind(f"No server starts from the copy: {error}") from error
        finally:
            server.stop()
