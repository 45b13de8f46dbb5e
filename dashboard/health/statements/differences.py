"""Owns the arithmetic: what two snapshots differ by, per text; the heaviest kept, the rest summed. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dashboard.health.statements.models import OTHER
from dashboard.health.statements.probes import Counters

MOST_TEXTS, MOST_ROLES = 50, 8
Key = tuple[str, int, bool]
Roles = dict[str, list[float]]


@dataclass
class Use:
    """What one text cost. `roles` maps a role to [calls, milliseconds]; '' sums all but the heaviest."""

    calls: int = 0
    total_ms: float = 0.0
    max_ms: float | None = None
    rows: int = 0
    hits: int = 0
    reads: int = 0
    temp_blocks: int = 0
    wal_bytes: int = 0
    roles: Roles = field(default_factory=dict)

    def add(self, more: "Use") -> None:
        """Add another interval or another text."""
        for name in ("calls", "total_ms", "rows", "hits", "reads", "temp_blocks", "wal_bytes"):
            setattr(self, name, getattr(self, name) + getattr(more, name))
        self.max_ms = max((value for value in (self.max_ms, more.max_ms) if value is not None), default=None)
        for role, (calls, spent) in more.roles.items():
            mine = self.roles.setdefault(role, [0, 0.0])
            mine[0] += calls
            mine[1] += spent


def key_of(entry: Counters) -> Key:
    """Return what makes an entry the same in two snapshots."""
    return entry.role, entry.queryid, entry.toplevel


def uses(
    before: Mapping[Key, Counters], now: Iterable[Counters], texts: Mapping[int, str], *, afresh: bool
) -> dict[str, Use]:
    """Return what each text cost between two snapshots, by fingerprint.

    `afresh`: all counters were reset in between, so that each counts from nothing.
    """
    found: dict[str, Use] = {}
    for entry in now:
        cost = _cost(None if afresh else before.get(key_of(entry)), entry)
        if cost.calls:
            found.setdefault(texts.get(entry.queryid, OTHER), Use()).add(cost)
    return found


def _cost(before: Counters | None, now: Counters) -> Use:
    """Subtract, unless the entry was forgotten or reset in between and counts anew."""
    if before is not None and _is_anew(before, now):
        before = None
    calls = now.calls - (before.calls if before else 0)
    spent = now.total_ms - (before.total_ms if before else 0.0)
    is_longest = before is None or now.max_ms > before.max_ms
    return Use(
        calls=calls,
        total_ms=spent,
        max_ms=now.max_ms if is_longest else None,
        rows=now.rows - (before.rows if before else 0),
        hits=now.hits - (before.hits if before else 0),
        reads=now.reads - (before.reads if before else 0),
        temp_blocks=now.temp_blocks - (before.temp_blocks if before else 0),
        wal_bytes=now.wal_bytes - (before.wal_bytes if before else 0),
        roles={now.role: [calls, spent]},
    )


def _is_anew(before: Counters, now: Counters) -> bool:
    falls = now.calls < before.calls or now.total_ms < before.total_ms - 1e-6 or now.rows < before.rows
    return falls or now.since != before.since


def fold(found: Mapping[str, Use], most: int = MOST_TEXTS) -> dict[str, Use]:
    """Keep the heaviest texts and sum the rest under OTHER: the total stays true."""
    named = sorted((name for name in found if name != OTHER), key=lambda name: -found[name].total_ms)
    kept = {name: found[name] for name in named[:most]}
    rest = Use()
    for name in (*named[most:], *([OTHER] if OTHER in found else [])):
        rest.add(found[name])
    if rest.calls:
        kept[OTHER] = rest
    for use in kept.values():
        use.roles = fold_roles(use.roles)
    return kept


def fold_roles(roles: Roles, most: int = MOST_ROLES) -> Roles:
    """Keep the heaviest roles and sum the rest under ''."""
    named = sorted((role for role in roles if role), key=lambda role: -roles[role][1])
    kept = {role: roles[role] for role in named[:most]}
    rest = [roles[role] for role in (*named[most:], *([""] if "" in roles else []))]
    if rest:
        kept[""] = [sum(part[0] for part in rest), sum(part[1] for part in rest)]
    return {role: [part[0], round(part[1], 3)] for role, part in kept.items()}


def total(found: Iterable[Use]) -> Use:
    """Sum them all."""
    summed = Use()
    for use in found:
        summed.add(use)
    return summed
