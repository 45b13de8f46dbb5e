"""What WAL Barman's folders really hold from a backup on, without a gap: filed, arrived and half received."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from dashboard.backups.barman import BarmanError
from dashboard.backups.barman_configuration import read_section
from dashboard.backups.wal import LOG_BYTES, NAME, SEGMENT_BYTES, segment_number
from dashboard.backups.wal_tail import read_tail

PARTIAL = ".partial"
LOG_NAME = 16  # a folder of filed WAL is named by timeline and log


@dataclass(frozen=True)
class Folders:
    """Where one server's WAL is: filed away, brought by the archiver, received by the stream."""

    filed: Path
    incoming: Path
    streaming: Path


@dataclass(frozen=True)
class HeldWal:
    """The stretch of WAL from a backup's begin; `end` in bytes of WAL, `missing` names the first gap."""

    end: int
    last: str
    is_partial: bool = False
    missing: str = ""
    commit_at: datetime | None = None


@dataclass
class _Files:
    whole: dict[int, Path] = field(default_factory=dict)
    partial: dict[int, Path] = field(default_factory=dict)


def folders_of(config: Path | None, server: str) -> Folders:
    """Read from Barman's configuration where a server's WAL is. Raises BarmanError."""
    section = read_section(config, server)
    return Folders(
        section.folder("wals_directory", "wals"),
        section.folder("incoming_wals_directory", "incoming"),
        section.folder("streaming_wals_directory", "streaming"),
    )


def held_wal(
    folders: Folders, begin: str, segment: int = SEGMENT_BYTES, *, known: HeldWal | None = None
) -> HeldWal:
    """Follow the WAL from the file `begin` on. `known`, an earlier answer, spares unpacking a file again.

    Raises BarmanError when the folders cannot be read on this machine.
    """
    try:
        held = _follow(folders, begin, segment, known)
        if known and held.end < known.end:  # a file may just have been on its way from one folder to another
            held = _follow(folders, begin, segment, known)
    except OSError as error:
        raise BarmanError(f"{error.filename} cannot be read on this machine: {error.strerror}.") from error
    return held


def _follow(folders: Folders, begin: str, segment: int, known: HeldWal | None) -> HeldWal:
    first = number = segment_number(begin, segment)
    files = _list_files(folders, begin, segment)
    while number in files.whole:
        number += 1
    is_behind = any(found > number for found in (*files.whole, *files.partial))
    is_missing = is_behind or (number == first and number not in files.partial)
    missing = _name(number, begin, segment) if is_missing else ""
    last = files.whole[number - 1] if number > first else None
    start = number * segment
    if number in files.partial:
        found = _partial(files.partial[number], start, segment)
        if found:
            earlier = found.commit_at or _commit_in(last, found.end, start, segment, known)
            return replace(found, commit_at=earlier, missing=missing)
    commit_at = _commit_in(last, start, start, segment, known)
    return HeldWal(start, last.name if last else "", missing=missing, commit_at=commit_at)


def _partial(path: Path, start: int, segment: int) -> HeldWal | None:
    """Return what a half received file holds; None when it was renamed or filed away meanwhile."""
    try:
        tail = read_tail(path, start, segment)
    except (OSError, ValueError):
        return None
    return HeldWal(tail.end, path.name.removesuffix(PARTIAL), is_partial=True, commit_at=tail.commit_at)


def _commit_in(
    path: Path | None, held: int, end: int, segment: int, known: HeldWal | None
) -> datetime | None:
    """Return the newest commit of the whole file that ends at `end`; None when its packing is not read here.

    An earlier answer serves if it saw all of that file, and nothing beyond what is held now.
    """
    if known and known.commit_at and end <= known.end <= held:
        return known.commit_at
    if path is None:
        return None
    try:
        return read_tail(path, end - segment, segment).commit_at
    except (OSError, ValueError):
        return None


def _list_files(folders: Folders, begin: str, segment: int) -> _Files:
    found, first = _Files(), segment_number(begin, segment)
    for path in _candidates(folders, begin):
        name = path.name.removesuffix(PARTIAL)
        if not NAME.match(name) or segment_number(name, segment) < first:
            continue
        kept = found.partial if path.suffix == PARTIAL else found.whole
        number = segment_number(name, segment)
        if number not in kept or kept[number].name[:8] < name[:8]:  # of two timelines the newer one
            kept[number] = path
    return found


def _candidates(folders: Folders, begin: str) -> Iterator[Path]:
    """Yield in the order in which files move, so that none is missed on its way; a folder may be unused."""
    for folder in (folders.streaming, folders.incoming):
        if folder.is_dir():
            yield from sorted(folder.iterdir())
    for folder in folders.filed.iterdir():
        if len(folder.name) == LOG_NAME and folder.name[8:] >= begin[8:16] and folder.is_dir():
            yield from folder.iterdir()


def _name(number: int, like: str, segment: int) -> str:
    log, part = divmod(number, LOG_BYTES // segment)
    return f"{like[:8]}{log:08X}{part:08X}"
