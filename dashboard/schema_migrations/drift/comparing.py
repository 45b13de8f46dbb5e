"""Compares two definitions object by object, and a long one line by line, for people to read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

KINDS = (
    "schema",
    "table",
    "column",
    "constraint",
    "index",
    "sequence",
    "view",
    "type",
    "function",
    "trigger",
    "policy",
    "rule",
    "statistics",
    "default privileges",
)
OWNER, RIGHTS = "owner ", "rights "
MARKS = re.compile(r"'[^']*'|[()]|, ")  # a quoted text is one mark: what is in it parts nothing
MISSING, EXTRA, OTHER = "missing here", "only here", "differs"


@dataclass(frozen=True)
class Line:
    """A line or a word of a definition; `is_changed` when the other side has not got it."""

    text: str
    is_changed: bool


@dataclass(frozen=True)
class Change:
    """One object that is not the same, here (in the group) and there (in the reference); empty: not there."""

    kind: str
    name: str
    what: str
    here: tuple[Line, ...]
    there: tuple[Line, ...]

    @property
    def is_of_rights(self) -> bool:
        """Whether who owns it, or may use it, is not the same."""
        changed = [line.text for line in (*self.here, *self.there) if line.is_changed]
        return self.kind == "default privileges" or any(text.startswith((OWNER, RIGHTS)) for text in changed)


def compare(here: Sequence[Sequence[str]], there: Sequence[Sequence[str]]) -> list[Change]:
    """Return what differs between two lists of (kind, name, definition), in an order for people."""
    ours, theirs = _by_name(here), _by_name(there)
    keys = {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}
    return [_change(*key, ours.get(key), theirs.get(key)) for key in sorted(keys, key=_place)]


def _by_name(objects: Sequence[Sequence[str]]) -> dict[tuple[str, str], str]:
    """Two objects of one name are told apart by nothing else: their definitions stand below each other."""
    found: dict[tuple[str, str], str] = {}
    for kind, name, body in objects:
        before = found.get((kind, name))
        found[kind, name] = body if before is None else f"{before}\n{body}"
    return found


def _place(key: tuple[str, str]) -> tuple[int, str, str]:
    kind, name = key
    return (KINDS.index(kind) if kind in KINDS else len(KINDS), kind, name)


def _change(kind: str, name: str, here: str | None, there: str | None) -> Change:
    if here is None or there is None:
        what = MISSING if here is None else EXTRA
        return Change(kind, name, what, _plain(here), _plain(there))
    ours, theirs = _marked(_parts(here), _parts(there))
    return Change(kind, name, OTHER, ours, theirs)


def _plain(body: str | None) -> tuple[Line, ...]:
    return tuple(Line(part, is_changed=True) for part in _parts(body)) if body else ()


def _parts(body: str) -> list[str]:
    """Lines of what has many; of one long line what stands between the commas, and each right by itself."""
    lines = body.splitlines() or [""]
    parts = [part for line in lines for part in (_by_commas(line) if _is_list(line, lines) else [line])]
    return [one for part in parts for one in _rights(part)]


def _is_list(line: str, lines: Sequence[str]) -> bool:
    """A single line is; below the many of a function stands one with its owner and rights."""
    return len(lines) == 1 or line.startswith(OWNER)


def _by_commas(line: str) -> list[str]:
    """Part a line at its commas, but not within brackets: the columns of an index stay together."""
    parts, depth, start = [], 0, 0
    for mark in MARKS.finditer(line):
        depth += {"(": 1, ")": -1}.get(mark[0], 0)
        if mark[0] == ", " and not depth:
            parts.append(line[start : mark.start()])
            start = mark.end()
    return [*parts, line[start:]]


def _rights(part: str) -> list[str]:
    if not part.startswith(RIGHTS):
        return [part]
    return [RIGHTS + one for one in part.removeprefix(RIGHTS).split(" ")]


def _marked(here: list[str], there: list[str]) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    same_here: set[int] = set()
    same_there: set[int] = set()
    for block in SequenceMatcher(None, here, there, autojunk=False).get_matching_blocks():
        same_here.update(range(block.a, block.a + block.size))
        same_there.update(range(block.b, block.b + block.size))
    return (
        tuple(Line(part, place not in same_here) for place, part in enumerate(here)),
        tuple(Line(part, place not in same_there) for place, part in enumerate(there)),
    )
