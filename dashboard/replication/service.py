"""Probes every server of the ERP cluster, finds out who is what, and stores one reading of all."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dashboard.core.config import Member, Settings
from dashboard.health.connection import ProbeError
from dashboard.health.models import thaw
from dashboard.health.queries import get_reading
from dashboard.health.service import plain, store_reading
from dashboard.replication.judging import CATCHING_UP, STREAMING, StandbyState
from dashboard.replication.levels import judge_standby
from dashboard.replication.members import UNNAMED, Roles, assign
from dashboard.replication.probes import Frozen, MemberView, Primary, Sender, Slot, read_member
from dashboard.replication.remembering import remember
from dashboard.replication.sampling import age_of, lag_series, sample
from dashboard.replication.synchronous.deciding import is_unsafe
from dashboard.replication.synchronous.wanted import Wanted, wanted

__all__ = ["EVERY_SECONDS", "READING", "Replication", "lag_series", "observe", "refresh"]

READING = "replication"
EVERY_SECONDS = 10
Answers = dict[str, MemberView | str]


@dataclass(frozen=True)
class Replication:
    """What the page shows. Without `primary`, `primary_error` says why.

    `primary_name` is '' where no member is named as the first primary; `writers` are all servers out of
    recovery; `wanted` is what the settings say of synchronous replication.
    """

    primary: Primary | None
    primary_error: str
    frozen: Frozen | None
    standbys: list[StandbyState]
    others: list[Sender]
    slots: list[Slot]
    primary_name: str = ""
    zone: str = ""
    region: str = ""
    version: str = ""
    writers: list[str] = field(default_factory=list)
    wanted: Wanted = field(default_factory=lambda: Wanted(()))


def refresh(settings: Settings) -> dict[str, str]:
    """Probe all, store the reading and the samples of its charts; return the state per standby."""
    reading = get_reading(READING)
    before: Mapping[str, Any] = reading.data if reading else {}
    found = observe(settings, thaw(before))
    data = plain(found)
    now = datetime.now(UTC).isoformat()
    remember(data, before, now)
    data["unsafe_since_at"] = (before.get("unsafe_since_at") or now) if is_unsafe(data) else None
    _note_ages(data)
    store_reading(READING, data, every=EVERY_SECONDS)
    sample(thaw(data))
    return {standby.name: standby.state for standby in found.standbys}


def observe(settings: Settings, before: Mapping[str, Any] | None = None) -> Replication:
    """Ask all servers at once: one that is away must not make the others late.

    `before` is the reading before this one, for what only a comparison shows.
    """
    earlier = before or {}
    targets = _targets(settings)
    with ThreadPoolExecutor(max_workers=max(len(targets), 1)) as pool:
        answers: Answers = dict(zip(targets, pool.map(_ask, targets.values()), strict=True))
    roles = assign(settings.members, answers, last=earlier.get("primary_name", UNNAMED))
    want = wanted(settings.members, roles.primary)
    rows = {row["name"]: row for row in earlier.get("standbys", [])}
    standbys = [
        _standby(_with_mode(member, want), roles, answers, rows.get(member.name)) for member in roles.expected
    ]
    return _joined(settings, roles, answers, standbys, want)


def _targets(settings: Settings) -> dict[str, str]:
    """Return the address of each server by name; the monitor's where no member is the first primary."""
    targets = {member.name: member.url for member in settings.members}
    return targets if settings.primary else {UNNAMED: settings.database_monitor_url, **targets}


def _ask(url: str) -> MemberView | str:
    try:
        return read_member(url)
    except ProbeError as error:
        return str(error)


def _with_mode(member: Member, want: Wanted) -> Member:
    return member.model_copy(update={"mode": "sync" if member.name in want.names else "async"})


def _standby(member: Member, roles: Roles, answers: Answers, earlier: dict[str, Any] | None) -> StandbyState:
    answer = answers[member.name]
    own, error = (None, answer) if isinstance(answer, str) else (answer.own, "")
    return judge_standby(member, roles.view, own, own_error=error, earlier=earlier)


def _joined(
    settings: Settings, roles: Roles, answers: Answers, standbys: list[StandbyState], want: Wanted
) -> Replication:
    names = {standby.name for standby in standbys}
    view = roles.view
    member = next((row for row in settings.members if row.name == roles.primary), None)
    answer = answers.get(roles.primary, "")
    return Replication(
        primary=view.primary if view else None,
        primary_error=roles.error,
        frozen=view.frozen if view else None,
        standbys=standbys,
        others=[sender for sender in view.senders if sender.name not in names] if view else [],
        slots=view.slots if view else [],
        primary_name=roles.primary,
        zone=member.zone if member else "",
        region=member.region if member else "",
        version="" if isinstance(answer, str) else answer.own.version,
        writers=list(roles.writers),
        wanted=want,
    )


def _note_ages(data: dict[str, Any]) -> None:
    """Say how old what a standby holds is where its stream stands still: the primary cannot measure that."""
    primary = thaw(data["primary"]) if data["primary"] else None
    for row in data["standbys"]:
        is_flowing = row["state"] in {STREAMING, CATCHING_UP}
        position = row["replay_position"]
        row["late_seconds"] = (
            None if is_flowing or position is None or primary is None else age_of(position, primary)
        )
