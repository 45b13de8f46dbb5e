"""Brings the repository's WAL into a plain folder: what is archived, and the piece still being received."""

import bz2
import gzip
import lzma
import shutil
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard.backups.barman import Barman, BarmanError
from dashboard.backups.repository_wal import Folders
from dashboard.backups.restoring.errors import BackupBrokenError
from dashboard.backups.wal import NAME, segment_number

PARTIAL = ".partial"
HISTORY = ".history"
# What Python reads by itself; anything else (encrypted, other compressions) goes through Barman, which is
# a process per file.
OPENERS: dict[bytes, Callable[[Path], AbstractContextManager[Any]]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}
# The first two bytes of a page are the version's magic number: 0xD0nn or 0xD1nn, least byte first.
PLAIN_SECOND_BYTES = (0xD0, 0xD1)


@dataclass(frozen=True)
class WalFile:
    """A file of WAL by the name a server asks for, and where it is; `is_live` while it is received."""

    name: str
    path: Path
    is_live: bool = False


def find_wal(
    folders: Folders, begin_wal: str, segment_bytes: int, *, until: int | None = None
) -> list[WalFile]:
    """Return what a restore from `begin_wal` on may ask for, on every timeline, in order.

    `until` is the position, in bytes of WAL, after which nothing is needed. Raises BackupBrokenError when a
    file in between is missing.
    """
    first = segment_number(begin_wal, segment_bytes)
    last = until // segment_bytes + 1 if until is not None else None
    found: dict[str, WalFile] = {}
    # In this order, so that a file which is filed away meanwhile is seen at least once; filed ones win.
    for file in (*_live(folders), *_filed(folders.filed)):
        if file.name.endswith(HISTORY):
            found[file.name] = file
            continue
        number = segment_number(file.name, segment_bytes)
        if number >= first and (last is None or number <= last):
            found[file.name] = file
    files = sorted(found.values(), key=lambda file: file.name)
    _refuse_gap(begin_wal, [file.name for file in files], segment_bytes)
    return files


def _filed(folder: Path) -> list[WalFile]:
    try:
        paths = [*folder.glob("*/*"), *folder.glob(f"*{HISTORY}")]
    except OSError as error:
        raise BarmanError(f"The WAL of the repository cannot be listed: {error.strerror}") from error
    return [WalFile(path.name, path) for path in paths if NAME.match(path.name) or path.suffix == HISTORY]


def _live(folders: Folders) -> list[WalFile]:
    """Files that are received but not filed away yet; the piece at the very end is only streamed."""
    found = []
    for folder in (folders.streaming, folders.incoming):
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            asked = path.name.removesuffix(PARTIAL)
            if NAME.match(asked) or path.suffix == HISTORY:
                found.append(WalFile(asked, path, is_live=True))
    return found


def _refuse_gap(begin_wal: str, names: list[str], segment_bytes: int) -> None:
    numbers = {segment_number(name, segment_bytes): name for name in names if NAME.match(name)}
    first = segment_number(begin_wal, segment_bytes)
    expected = range(first, max(numbers, default=first) + 1)
    for number in expected:
        if number not in numbers:
            timeline = numbers.get(number - 1, begin_wal)[:8]
            missing = _name(timeline, number, segment_bytes)
            raise BackupBrokenError("the repository lacks a WAL file that the restore needs", missing)


def _name(timeline: str, number: int, segment_bytes: int) -> str:
    per_log = 2**32 // segment_bytes
    return f"{timeline}{number // per_log:08X}{number % per_log:08X}"


def bring(file: WalFile, target: Path, barman: Barman, segment_bytes: int) -> None:
    """Put one file into the folder `target`, as the server reads it.

    Raises BackupBrokenError when it cannot be read, BarmanError when Barman does not give it out.
    """
    whole = target / file.name
    try:
        _read(file, whole)
    except FileNotFoundError:  # just filed away
        barman.get_wal(file.name, target)
    except (PermissionError, _ForeignError):
        _ask(file, target, barman)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise BackupBrokenError(f"the WAL file cannot be decompressed ({error})", str(file.path)) from error
    _check_size(file, whole, segment_bytes)


class _ForeignError(Exception):
    """The file is in a form only Barman reads."""


def _read(file: WalFile, whole: Path) -> None:
    opener = _opener(file)
    with opener(file.path) as source, whole.open("wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)


def _opener(file: WalFile) -> Callable[[Path], AbstractContextManager[Any]]:
    with file.path.open("rb") as stream:
        head = stream.read(8)
    for magic, opener in OPENERS.items():
        if head.startswith(magic):
            return opener
    is_plain = len(head) > 1 and head[1] in PLAIN_SECOND_BYTES
    # What is being received is not compressed yet; it starts with nothing but zeros at times.
    if file.is_live or is_plain or file.name.endswith(HISTORY):
        return lambda path: path.open("rb")
    raise _ForeignError


def _ask(file: WalFile, target: Path, barman: Barman) -> None:
    try:
        barman.get_wal(file.name, target)
    except BarmanError as error:
        raise BackupBrokenError(f"Barman cannot read the WAL file ({error})", str(file.path)) from error


def _check_size(file: WalFile, whole: Path, segment_bytes: int) -> None:
    size = whole.stat().st_size if whole.exists() else 0
    if not file.name.endswith(HISTORY) and size != segment_bytes:
        reason = f"the WAL file has {size} bytes instead of {segment_bytes}"
        raise BackupBrokenError(reason, str(file.path))
