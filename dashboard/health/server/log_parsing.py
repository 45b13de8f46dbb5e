"""Takes the server's log apart by its log_line_prefix; groups what differs in values only. Pure."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dashboard.health.masking import mask_message, mask_sql

LEVELS = ("PANIC", "FATAL", "ERROR", "WARNING", "LOG")
# Of the level LOG only what tells of trouble: the rest is the daily work.
TELLING = re.compile(
    r"^(process \d+ still waiting|process \d+ detected deadlock|checkpoints are occurring too frequently"
    r"|temporary file|server process|terminating any other|all server processes terminated|database system"
    r"|archive command failed|archiver process|received (fast|immediate|smart) shutdown|invalid record"
    r"|could not |no pg_hba|provided user name|parameter \"|received SIGHUP|automatic vacuum .* to prevent)"
)
ESCAPES = {
    "m": r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) [\w+:-]+",
    "t": r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) [\w+:-]+",
    "n": r"(?P<epoch>\d+\.\d+)",
    "s": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [\w+:-]+",
    "p": r"\d+",
    "P": r"\d*",
    "l": r"\d+",
    "x": r"\d+",
    "Q": r"-?\d+",
    "e": r"\w{5}",
    "v": r"[\d/]*",
    "c": r"[0-9a-f.]+",
}


@dataclass(frozen=True)
class Message:
    """A message with its values left out; `times` how often, from `first_at` to `last_at`."""

    fingerprint: str
    level: str
    message: str
    statement: str
    times: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class _Line:
    at: datetime | None
    level: str
    text: str


@lru_cache(maxsize=16)
def line_pattern(prefix: str) -> re.Pattern[str]:
    """Return the expression for the first line of a message under a log_line_prefix."""
    found, optional = "", False
    for literal, width, letter in re.findall(r"([^%]+)|%(-?\d*)(\w|%)", prefix):
        if literal:
            found += re.escape(literal)
        elif letter == "q":  # what follows is left out for processes without a session
            found, optional = f"{found}(?:", True
        elif letter == "%":
            found += "%"
        else:
            padded = r"\s*" if width else ""
            once = f"(?P<{'at' if letter in 'mt' else 'epoch'}>" not in found
            found += padded + (ESCAPES.get(letter, ".*?") if once else ".*?") + padded
    return re.compile(f"^{found}{')?' if optional else ''}(?P<level>[A-Z0-9]+):  (?P<text>.*)$")


def read_messages(lines: Iterable[str], prefix: str, zone: str, now: datetime) -> list[Message]:
    """Return the messages worth showing, grouped; a line without a time counts as of `now`."""
    groups: dict[str, Message] = {}
    last: Message | None = None
    for line in _lines(lines, prefix, _zone(zone)):
        if line.level == "STATEMENT" and last:
            groups[last.fingerprint] = last = replace(last, statement=mask_sql(line.text))
        elif line.level in LEVELS:
            last = _grouped(groups, line, now) if _is_telling(line) else None
    return list(groups.values())


def _is_telling(line: _Line) -> bool:
    return line.level != "LOG" or bool(TELLING.match(line.text))


def _grouped(groups: dict[str, Message], line: _Line, now: datetime) -> Message:
    text, at = mask_message(line.text), line.at or now
    fingerprint = hashlib.sha256(f"{line.level} {text}".encode()).hexdigest()[:24]
    known = groups.get(fingerprint)
    if known:
        found = replace(known, times=known.times + 1, last_at=max(known.last_at, at))
    else:
        found = Message(fingerprint, line.level, text, "", 1, at, at)
    groups[fingerprint] = found
    return found


def _lines(lines: Iterable[str], prefix: str, zone: tzinfo) -> Iterable[_Line]:
    """Join what was broken over lines: PostgreSQL begins each further one with a tab."""
    pattern, current = line_pattern(prefix), None
    for line in lines:
        if line.startswith("\t"):
            current = current and replace(current, text=f"{current.text} {line.strip()}")
            continue
        if current:
            yield current
        found = pattern.match(line)
        current = _Line(_moment(found, zone), found["level"], found["text"]) if found else None
    if current:
        yield current


def _moment(found: re.Match[str], zone: tzinfo) -> datetime | None:
    parts = found.groupdict()
    if parts.get("epoch"):
        return datetime.fromtimestamp(float(parts["epoch"]), UTC)
    if not parts.get("at"):
        return None
    return datetime.fromisoformat(parts["at"]).replace(tzinfo=zone).astimezone(UTC)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def worst_first(messages: Sequence[Message]) -> list[Message]:
    """Order by level, then by how often."""
    return sorted(messages, key=lambda row: (LEVELS.index(row.level), -row.times))
