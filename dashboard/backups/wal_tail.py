"""Reads the end of a WAL file itself: up to where its records are whole, and when the last one committed.

A receiver pads its unfinished file with zeros, so neither its size nor its time says what it holds. The
layout is that of PostgreSQL's xlog_internal.h, xlogrecord.h and xact.h, the same since version 9.5.
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

PAGE = 8192
SHORT, LONG = 24, 40  # page headers; the long one stands on a file's first page
HEADER = struct.Struct("<IIQBBxxI")  # a record: length, transaction, previous, info, manager, crc
PAGE_HEADER = struct.Struct("<HHIQI")  # magic, info, timeline, address, bytes left of an earlier record
CRC_AT = 20
XLOG_MANAGER, XACT_MANAGER = 0, 1
SWITCH, COMMIT, COMMIT_PREPARED = 0x40, 0x00, 0x30
ORIGIN, TOP_TRANSACTION, LONG_DATA, SHORT_DATA = 253, 252, 254, 255
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
FIRST_PAGES, MOST_PAGES = 16, 256
GZIP = b"\x1f\x8b"
Read = Callable[[int, int], bytes]


@dataclass(frozen=True)
class Tail:
    """Where whole records end, in bytes of WAL, and the newest commit among the last of them."""

    end: int
    commit_at: datetime | None = None


def read_tail(path: Path, start: int, segment: int) -> Tail:
    """Read a file that holds the segment beginning at `start`. Raises OSError, ValueError when it cannot."""
    with path.open("rb") as file:
        if file.read(2) == GZIP:
            return _tail_of_bytes(_unpacked(path), start, segment)

        def read(offset: int, count: int) -> bytes:
            file.seek(offset)
            return file.read(count)

        return _tail(read, start, segment)


def _unpacked(path: Path) -> bytes:
    try:
        return zlib.decompress(path.read_bytes(), wbits=31)
    except zlib.error as error:
        raise ValueError(f"{path.name} cannot be unpacked: {error}") from error


def _tail_of_bytes(content: bytes, start: int, segment: int) -> Tail:
    return _tail(lambda offset, count: content[offset : offset + count], start, segment)


def _tail(read: Read, start: int, segment: int) -> Tail:
    pages = _filled_pages(read, start, segment // PAGE)
    if not pages:
        return Tail(start)
    count = FIRST_PAGES
    while True:
        first = max(0, pages - count)
        found = _walk(read(first * PAGE, (pages - first) * PAGE), start, first, segment)
        if first == 0 or (found and (found.commit_at or count >= MOST_PAGES)):
            return found or Tail(start)
        count *= 4


def _filled_pages(read: Read, start: int, pages: int) -> int:
    """Pages are written in order and know their own address: look for the last one by halves."""
    low, high = 0, pages
    while low < high:
        middle = (low + high) // 2
        header = read(middle * PAGE, PAGE_HEADER.size)
        is_filled = len(header) == PAGE_HEADER.size and _address(header) == start + middle * PAGE
        low, high = (middle + 1, high) if is_filled else (low, middle)
    if low == 0 and any(read(0, PAGE)):
        raise ValueError("it does not begin as a WAL file does")
    return low


def _address(header: bytes) -> int:
    magic, _info, _timeline, address, _left = PAGE_HEADER.unpack(header)
    return int(address) if magic else -1


def _walk(content: bytes, start: int, first: int, segment: int) -> Tail | None:
    """Follow the records of some pages; None when none begins in them."""
    header = LONG if first == 0 else SHORT
    stream = content[header:PAGE] + b"".join(
        content[offset + SHORT : offset + PAGE] for offset in range(PAGE, len(content), PAGE)
    )
    base = start + first * PAGE
    left: int = PAGE_HEADER.unpack_from(content)[4]
    begins, commit_at = _records(stream, _aligned(left))
    if len(begins) == 1:
        is_whole = 0 < left <= len(stream) and any(stream[left - 8 : left])
        return Tail(_position(base, header, begins[0])) if is_whole else None
    last = begins[-2]
    length, _xid, _previous, info, manager, _crc = HEADER.unpack_from(stream, last)
    if manager == XLOG_MANAGER and info & 0xF0 == SWITCH:
        return Tail(start + segment, commit_at[-1])
    if not _is_intact(stream[last : last + length]):
        return Tail(_position(base, header, last), commit_at[-2])
    return Tail(_position(base, header, begins[-1]), commit_at[-1])


def _records(stream: bytes, offset: int) -> tuple[list[int], list[datetime | None]]:
    """Return where records begin, with the end of the last, and the newest commit up to each of these."""
    begins, commits = [offset], [None]
    newest: datetime | None = None
    while offset + HEADER.size <= len(stream):
        length, _xid, _previous, info, manager, _crc = HEADER.unpack_from(stream, offset)
        if length < HEADER.size or offset + length > len(stream):
            break
        if manager == XACT_MANAGER and info & 0x70 in {COMMIT, COMMIT_PREPARED}:
            newest = _commit_time(stream, offset + HEADER.size) or newest
        offset += _aligned(length)
        begins.append(offset)
        commits.append(newest)  # type: ignore[arg-type]  # the first stands for nothing seen yet
    return begins, commits  # type: ignore[return-value]


def _commit_time(stream: bytes, offset: int) -> datetime | None:
    """A commit's own data begin with its time, behind a few optional parts."""
    for _part in range(3):
        kind = stream[offset]
        if kind in {SHORT_DATA, LONG_DATA}:
            offset += 2 if kind == SHORT_DATA else 5
            microseconds: int = struct.unpack_from("<q", stream, offset)[0]
            return EPOCH + timedelta(microseconds=microseconds)
        offset += {ORIGIN: 3, TOP_TRANSACTION: 5}.get(kind, 0)
    return None


def _aligned(count: int) -> int:
    return (count + 7) & ~7


def _position(base: int, header: int, offset: int) -> int:
    """Turn an offset in the pages' contents into a position; a page's end is the next one's begin."""
    room = PAGE - header
    if offset <= room:
        return base + header + offset if offset < room else base + PAGE
    pages, rest = divmod(offset - room, PAGE - SHORT)
    return base + PAGE * (1 + pages) + (SHORT + rest if rest else 0)


def _table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte
        for _bit in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


TABLE = _table()


def _is_intact(record: bytes) -> bool:
    """Whether a record is whole: its CRC-32C covers the data, then the header before the sum."""
    crc = 0xFFFFFFFF
    for byte in record[HEADER.size :] + record[:CRC_AT]:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    stored: int = struct.unpack_from("<I", record, CRC_AT)[0]
    return crc ^ 0xFFFFFFFF == stored
