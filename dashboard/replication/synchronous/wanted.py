"""What is wanted of synchronous replication, by setting or as the members are declared."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.core.config import Member
from dashboard.replication.synchronous.declared import (
    AUTOMATIC,
    DEGRADE_AFTER,
    NEAREST,
    ON,
    RESTORE,
    STANDBY,
    SYNCHRONOUS,
)
from dashboard.settings import queries as settings

LIST = re.compile(r"^\s*(?:(?:ANY|FIRST)\s+)?\d+\s*\((.*)\)\s*$", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Wanted:
    """`names`: the standbys of which any one must confirm a commit; none when commits need not wait.

    `degrade_after` in seconds, None for never. `by_setting` is false while nobody set it and what the members
    are declared as counts.
    """

    names: tuple[str, ...]
    degrade_after: int | None = None
    restores: bool = True
    by_setting: bool = False

    @property
    def is_on(self) -> bool:
        """Whether commits shall wait for a second copy."""
        return bool(self.names)

    @property
    def parameter(self) -> str:
        """The value of synchronous_standby_names."""
        return parameter(self.names)


def wanted(members: Sequence[Member], primary: str) -> Wanted:
    """Return what is wanted while `primary` (a member's name, '' when unknown) is the primary."""
    held = settings.get_setting(SYNCHRONOUS)
    chosen = str(settings.value(STANDBY))
    after = int(settings.value(DEGRADE_AFTER)) or None
    restores = settings.value(RESTORE) == AUTOMATIC
    if held.row is None:
        names = tuple(row.name for row in members if row.mode == "sync" and row.name != primary)
        return Wanted(names, after, restores)
    names = choose(members, primary, chosen) if held.value == ON else ()
    return Wanted(names, after, restores, by_setting=True)


def choose(members: Sequence[Member], primary: str, chosen: str) -> tuple[str, ...]:
    """Return the standbys to wait for.

    A server never waits for itself: when the chosen one has become the primary, the nearest count.
    """
    others = [row for row in members if row.name != primary]
    named = [name.strip() for name in chosen.split(",") if name.strip()]
    if chosen.strip().lower() != NEAREST:
        found = tuple(row.name for row in others if row.name in named)
        if found:
            return found
    return nearest(members, primary)


def nearest(members: Sequence[Member], primary: str) -> tuple[str, ...]:
    """Return the others of the primary's region; without any, the first other one."""
    others = [row for row in members if row.name != primary]
    # Where the primary is no member, the standby listed first stands beside it.
    home = next((row.region for row in members if row.name == primary), others[0].region if others else "")
    local = tuple(row.name for row in others if row.region == home)
    return local or tuple(row.name for row in others[:1])


def parameter(names: Sequence[str]) -> str:
    """Write synchronous_standby_names: any one of these; '' for none."""
    quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    return f"ANY 1 ({quoted})" if quoted else ""


def names_in(value: str) -> tuple[str, ...]:
    """Return the names a value of synchronous_standby_names consists of ('*' stands for everybody)."""
    found = LIST.match(value)
    listed = found[1] if found else value
    parts = [part.strip() for part in listed.split(",")]
    return tuple(part.strip('"').replace('""', '"') for part in parts if part)
