"""Finds out who is primary from what each server says of itself: it is read, never configured. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.core.config import Member
from dashboard.replication.probes import MemberView, PrimaryView

# The server behind DATABASE_MONITOR_URL where no member is named as the first primary.
UNNAMED = ""


@dataclass(frozen=True)
class Roles:
    """Who is what. `view` is the primary's answer, None when nobody takes writes; `error` says why.

    `primary` is the member that is, or was last known as, the primary ('' when it has no name).
    `writers`: every server out of recovery; more than one is a split brain.
    """

    primary: str
    view: PrimaryView | None
    error: str
    writers: tuple[str, ...]
    expected: tuple[Member, ...]


def assign(
    members: Sequence[Member],
    answers: Mapping[str, MemberView | str],
    *,
    last: str = UNNAMED,
) -> Roles:
    """Tell primary and standbys apart. `answers` by name: a view, or why there is none.

    Of several that take writes the one on the highest timeline is the primary: a promotion begins a new one.
    `last` is who was primary when it was last known.
    """
    views = {name: view for name, view in answers.items() if not isinstance(view, str)}
    writers = {name: view.primary for name, view in views.items() if view.primary is not None}
    if writers:
        name = max(writers, key=lambda key: _age(key, writers[key], last))
        return Roles(name, writers[name], "", tuple(sorted(writers)), _without(members, name))
    name = _stands_for(members, answers, last)
    return Roles(name, None, _why_none(name, answers), (), _without(members, name))


def _age(name: str, view: PrimaryView, last: str) -> tuple[int, bool, int]:
    here = view.primary
    # Without DATABASE_PRIMARY the address of the monitor says who the primary is.
    return (here.timeline if name != UNNAMED else 2**31, name == last, here.position)


def _stands_for(members: Sequence[Member], answers: Mapping[str, object], last: str) -> str:
    """Return the primary that does not answer: who it was last, else the first that was one."""
    if UNNAMED in answers:
        return UNNAMED
    names = [member.name for member in members]
    return last if last in names else (names[0] if names else UNNAMED)


def _why_none(name: str, answers: Mapping[str, MemberView | str]) -> str:
    answer = answers.get(name, "")
    if isinstance(answer, str):
        return answer or "it was not asked"
    return "No server takes writes: recovery is in progress on every one that answers"


def _without(members: Sequence[Member], name: str) -> tuple[Member, ...]:
    return tuple(member for member in members if member.name != name)
