"""The virus scan, against a server that speaks clamd's protocol, and against a real clamd where one is."""

import io
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from dashboard.core.errors import UnavailableError
from dashboard.files import scanning
from dashboard.files.models import Attachment
from dashboard.files.scanning import InfectedError, scan
from dashboard.files.store import FileStore
from tests.files.conftest import PDF, Configure

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


class Clamd:
    """Takes INSTREAM, keeps what it got, finds the EICAR test text; `limit` is its StreamMaxLength."""

    def __init__(self, listener: socket.socket, limit: int) -> None:
        self.listener, self.limit = listener, limit
        self.received: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(self._answer(connection) + b"\0")

    def _answer(self, connection: socket.socket) -> bytes:
        stream = connection.makefile("rb")
        if stream.read(10) != b"zINSTREAM\0":
            return b"UNKNOWN COMMAND"
        data = b""
        while (size := struct.unpack("!L", stream.read(4))[0]) > 0:
            data += stream.read(size)
            if len(data) > self.limit:
                return b"INSTREAM size limit exceeded. ERROR"
        self.received.append(data)
        return b"stream: Eicar-Test-Signature FOUND" if EICAR in data else b"stream: OK"


@contextmanager
def listening(family: int, address: object) -> Iterator[socket.socket]:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.bind(address)  # type: ignore[arg-type]
        listener.listen()
        yield listener
    finally:
        listener.close()


@pytest.fixture(params=["tcp", "unix"])
def clamd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Clamd, str]]:
    """The scanner and its address."""
    if request.param == "tcp":
        with listening(socket.AF_INET, ("127.0.0.1", 0)) as listener:
            yield Clamd(listener, 1_000_000), f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    else:
        with listening(socket.AF_UNIX, str(tmp_path / "clamd.sock")) as listener:
            yield Clamd(listener, 1_000_000), f"unix://{tmp_path}/clamd.sock"


def test_clean_bytes_reach_the_scanner_whole(clamd: tuple[Clamd, str]) -> None:
    scanner, address = clamd
    data = bytes(range(256)) * 1000
    stream = io.BytesIO(data)
    assert scan(address, stream, "a.bin") == "clean"
    assert scanner.received == [data]
    assert stream.tell() == 0


def test_a_finding_is_refused_by_name(clamd: tuple[Clamd, str]) -> None:
    with pytest.raises(InfectedError, match=r"Eicar-Test-Signature") as refusal:
        scan(clamd[1], io.BytesIO(EICAR), "virus.txt")
    assert "Nothing was kept" in refusal.value.fix


def test_a_scanner_that_gives_up_refuses_too(clamd: tuple[Clamd, str]) -> None:
    with pytest.raises(UnavailableError, match="could not be scanned"):
        scan(clamd[1], io.BytesIO(bytes(5_000_000)), "large.bin")


def test_a_scanner_that_is_away_says_what_to_do(tmp_path: Path) -> None:
    for address in ("tcp://127.0.0.1:9", f"unix://{tmp_path}/nobody.sock"):
        with pytest.raises(UnavailableError, match="does not answer") as refusal:
            scan(address, io.BytesIO(b"x"), "a.txt")
        assert "STEWARD_CLAMD" in refusal.value.fix


def test_a_scanner_that_hangs_is_not_waited_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "ANSWER_SECONDS", 0.2)
    with listening(socket.AF_UNIX, str(tmp_path / "slow.sock")), pytest.raises(UnavailableError):
        scan(f"unix://{tmp_path}/slow.sock", io.BytesIO(b"x"), "a.txt")


def test_without_a_scanner_files_are_marked_as_not_scanned() -> None:
    assert scan("", io.BytesIO(EICAR), "a.txt") == "not_scanned"


def test_an_infected_upload_leaves_neither_row_nor_bytes(
    clamd: tuple[Clamd, str],
    configure: Configure,
    disk: FileStore,
    supplier: int,
    staff: FlaskClient,
    rows: Callable[[], list[Attachment]],
) -> None:
    configure(clamd=clamd[1])
    files = [(io.BytesIO(EICAR), "virus.txt"), (io.BytesIO(PDF), "offer.pdf")]
    page = staff.post(
        f"/t/acme/records/files/supplier/{supplier}", data={"files": files}, follow_redirects=True
    )
    assert "the virus scanner found Eicar-Test-Signature" in page.text
    assert [(row.file_name, row.scan) for row in rows()] == [("offer.pdf", "clean")]
    assert rows()[0].scanned_at is not None
    stored = [found for folder in disk.folders("tenant_acme") for found in disk.objects(folder)]
    assert len(stored) == 1


def test_nothing_is_kept_while_the_scanner_is_away(
    configure: Configure,
    disk: FileStore,
    supplier: int,
    staff: FlaskClient,
    rows: Callable[[], list[Attachment]],
) -> None:
    configure(clamd="tcp://127.0.0.1:9")
    files = [(io.BytesIO(PDF), "offer.pdf")]
    page = staff.post(
        f"/t/acme/records/files/supplier/{supplier}", data={"files": files}, follow_redirects=True
    )
    assert "The virus scanner does not answer" in page.text
    assert "STEWARD_CLAMD" in page.text
    assert rows() == []
    assert disk.folders("tenant_acme") == []


# no skip: where nobody installed clamd there is nothing to ask it
if shutil.which("clamd"):

    def test_a_real_clamd_understands_us(tmp_path: Path) -> None:
        """A database of one signature of our own: the virus definitions of the world are not needed."""
        (tmp_path / "db").mkdir()
        (tmp_path / "db" / "own.ndb").write_text(f"Own.Test:0:*:{b'forbidden words'.hex()}\n")
        lines = (
            f"LocalSocket {tmp_path}/clamd.sock",
            f"DatabaseDirectory {tmp_path}/db",
            "Foreground yes",
            f"LogFile {tmp_path}/clamd.log",
        )
        (tmp_path / "clamd.conf").write_text("\n".join(lines) + "\n")
        process = subprocess.Popen(["clamd", "-c", str(tmp_path / "clamd.conf")])  # noqa: S607
        try:
            deadline = time.monotonic() + 60
            while not (tmp_path / "clamd.sock").exists() and time.monotonic() < deadline:
                time.sleep(0.2)
            address = f"unix://{tmp_path}/clamd.sock"
            assert scan(address, io.BytesIO(b"harmless words"), "a.txt") == "clean"
            with pytest.raises(InfectedError, match=r"Own\.Test"):
                scan(address, io.BytesIO(b"some forbidden words"), "b.txt")
        finally:
            process.terminate()
            process.wait(20)
