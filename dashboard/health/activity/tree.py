"""Draws who blocks whom as a tree: who stands in the way on top, below each those who wait for it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Values = Mapping[str, Any]
PREPARED = 0
DEEPEST = 12


@dataclass(frozen=True)
class Branch:
    """One line of the tree: a party, how deep it stands, and how many wait for it in all.

    `again` says that it is drawn elsewhere too: it waits for several. `ring` that it waits for itself.
    """

    party: Values
    depth: int
    waiting: int
    again: bool = False
    ring: bool = False


def lock_tree(parties: Sequence[Values], prepared: Sequence[Values]) -> list[Branch]:
    """Return the lines of the tree, those with the most waiters behind them first."""
    by_pid = {row["pid"]: row for row in parties}
    waiters = _waiters(parties)
    if PREPARED in waiters:
        by_pid[PREPARED] = _prepared_party(prepared)
    roots = [pid for pid in by_pid if not [one for one in by_pid[pid]["blocked_by"] if one in by_pid]]
    lines: list[Branch] = []
    drawn: set[int] = set()
    for pid in sorted(roots, key=lambda one: -_count(one, waiters, set())):
        _draw(pid, (), by_pid, waiters, drawn, lines)
    for pid in by_pid:  # a ring has no root; PostgreSQL ends it after deadlock_timeout
        if pid not in drawn:
            _draw(pid, (), by_pid, waiters, drawn, lines)
    return lines


def _waiters(parties: Sequence[Values]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for row in parties:
        for pid in row["blocked_by"]:
            found.setdefault(pid, []).append(row["pid"])
    return found


def _prepared_party(prepared: Sequence[Values]) -> Values:
    names = ", ".join(row["gid"] for row in prepared) or "unknown"
    oldest = max((row["seconds"] for row in prepared), default=None)
    return {
        "pid": PREPARED,
        "role": prepared[0]["owner"] if len(prepared) == 1 else "",
        "application": "",
        "state": "prepared",
        "transaction_seconds": oldest,
        "seconds": None,
        "query": f"{'one of ' if len(prepared) > 1 else ''}{names}",
        "kind": "",
        "mode": "",
        "object": "",
        "schema": "",
        "blocked_by": [],
    }


def _count(pid: int, waiters: Mapping[int, list[int]], seen: set[int]) -> int:
    for one in waiters.get(pid, []):
        if one not in seen:
            seen.add(one)
            _count(one, waiters, seen)
    return len(seen - {pid})


def _draw(
    pid: int,
    path: tuple[int, ...],
    by_pid: Mapping[int, Values],
    waiters: Mapping[int, list[int]],
    drawn: set[int],
    lines: list[Branch],
) -> None:
    ring, again = pid in path, pid in drawn
    lines.append(Branch(by_pid[pid], len(path), _count(pid, waiters, set()), again=again, ring=ring))
    drawn.add(pid)
    if ring or again or len(path) >= DEEPEST:
        return
    for one in sorted(waiters.get(pid, []), key=lambda two: -(by_pid[two]["seconds"] or 0)):
        _draw(one, (*path, pid), by_pid, waiters, drawn, lines)
