"""Who changes the primary here: Steward itself over streaming replication, or Patroni where that runs it.

A provider reads what was stored (no server is asked by a page), says who could take over, and asks for jobs.
A further one is one class.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from dashboard.backups import rpo
from dashboard.core.config import Settings
from dashboard.core.errors import ConflictError
from dashboard.failover import queries
from dashboard.failover.patroni import watching
from dashboard.failover.patroni.client import UP
from dashboard.health.models import Reading
from dashboard.health.queries import get_reading
from dashboard.jobs import service as jobs
from dashboard.jobs.models import JobRun
from dashboard.replication.judging import STREAMING
from dashboard.replication.service import READING as REPLICATION

SWITCH_OVER, PROMOTE, REJOIN = "switch-over", "promote", "rejoin"


@dataclass(frozen=True)
class Candidate:
    """A server that is no primary now. Bytes and seconds it lacks; None: unknown, never 0.

    `objection` says why it cannot take over by wish; `is_out` that it follows nobody and has to rejoin.
    """

    name: str
    state: str
    place: str = ""
    mode: str = ""
    level: str = "unknown"
    behind_bytes: int | None = None
    behind_seconds: float | None = None
    timeline: int | None = None
    objection: str = ""
    is_out: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Standing:
    """The cluster as it was last read. `primary` is '' while nobody is known to take writes."""

    reading: Reading | None
    primary: str = ""
    place: str = ""
    error: str = ""
    timeline: int | None = None
    candidates: list[Candidate] = field(default_factory=list)
    writers: list[str] = field(default_factory=list)
    is_paused: bool = False
    scheduled: Mapping[str, str] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)
    version: str = ""

    def candidate(self, name: str) -> Candidate | None:
        """Return a candidate by name."""
        return next((one for one in self.candidates if one.name == name), None)


class Provider:
    """What pages and buttons need; `actions` are what can be asked of it for a candidate."""

    key: ClassVar[str]
    title: ClassVar[str]
    actions: ClassVar[tuple[str, ...]]

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def standing(self) -> Standing:
        """Return the cluster as it was last read."""
        raise NotImplementedError

    def change(self, action: str, name: str, reason: str, actor: str, **options: bool) -> JobRun:
        """Ask for the job that changes the primary to a candidate, or brings it back."""
        raise NotImplementedError


class Streaming(Provider):
    """Plain streaming replication: Steward stops, promotes, rewinds and leads all to the new primary."""

    key = "streaming"
    title = "Steward"
    actions = (SWITCH_OVER, PROMOTE, REJOIN)
    jobs: ClassVar[Mapping[str, tuple[str, str]]] = {
        SWITCH_OVER: (queries.SWITCH_OVER, "target"),
        PROMOTE: (queries.PROMOTE, "target"),
        REJOIN: (queries.REJOIN, "member"),
    }

    def standing(self) -> Standing:
        """Read what the probe of replication stored."""
        reading = get_reading(REPLICATION)
        if reading is None or reading.taken_at is None:
            return Standing(reading)
        values = reading.values
        primary = values.get("primary") or {}
        last = values.get("last_primary") or {}
        known = self.settings.primary.name if self.settings.primary else "the primary"
        error = str(values.get("primary_error") or "")
        return Standing(
            reading,
            primary="" if error else str(values.get("primary_name") or known),
            place=_place(values),
            error=error,
            timeline=primary.get("timeline") or last.get("timeline"),
            candidates=[_of_row(row, error) for row in values.get("standbys", [])],
            writers=list(values.get("writers") or []),
        )

    def change(self, action: str, name: str, reason: str, actor: str, **options: bool) -> JobRun:
        """Enqueue the switchover, the promotion or the rejoining."""
        job, word = self.jobs[action]
        return jobs.enqueue(job, {word: name, "reason": reason, **options}, actor=actor)


class PatroniProvider(Provider):
    """Patroni decides who leads; Steward asks it and follows what it does."""

    key = "patroni"
    title = "Patroni"
    actions = (SWITCH_OVER, PROMOTE, REJOIN)
    words: ClassVar[Mapping[str, str]] = {
        SWITCH_OVER: "switchover",
        PROMOTE: "failover",
        REJOIN: "reinitialize",
    }

    def standing(self) -> Standing:
        """Read what Patroni last said."""
        reading = get_reading(watching.READING)
        if reading is None or reading.taken_at is None:
            return Standing(reading, error=reading.error if reading else "")
        view = watching.from_reading(reading.data)
        leader = view.leader
        return Standing(
            reading,
            primary=leader.name if leader else "",
            place=f"{leader.host}:{leader.port}" if leader else "",
            error=reading.error or ("" if leader else "Patroni says that nobody leads."),
            timeline=leader.timeline if leader else None,
            candidates=[_of_node(node) for node in view.nodes if not node.is_leader],
            writers=[leader.name] if leader else [],
            is_paused=view.is_paused,
            scheduled=view.scheduled,
            events=view.events[::-1],
            version=view.version,
        )

    def change(self, action: str, name: str, reason: str, actor: str, **options: bool) -> JobRun:  # noqa: ARG002
        """Enqueue the wish."""
        return self.ask(self.words[action], name, reason, actor)

    def ask(self, wish: str, name: str, reason: str, actor: str) -> JobRun:
        """Enqueue any wish of Patroni's."""
        arguments = {"action": wish, "member": name, "reason": reason}
        return jobs.enqueue(queries.PATRONI, arguments, actor=actor)


def choose(settings: Settings) -> Provider:
    """Return the provider that the settings ask for."""
    return PatroniProvider(settings) if settings.patroni_url else Streaming(settings)


def check_free() -> None:
    """Raise ConflictError while a change is under way: a second one would meet it in the middle."""
    running = queries.find_under_way(*queries.CHANGES)
    if running is not None:
        raise ConflictError(f"“{running.title}” is under way.", fix="Wait until it has ended.")


def _place(row: Mapping[str, Any]) -> str:
    parts = [f"zone {row['zone']}" if row.get("zone") else "", str(row.get("region") or "")]
    return ", ".join(part for part in parts if part)


def _of_row(row: Mapping[str, Any], primary_error: str) -> Candidate:
    seconds, behind = _at_risk(row)
    state = str(row["state"])
    objection = "" if state == STREAMING else f"It does not stream ({state.replace('_', ' ')})."
    return Candidate(
        row["name"],
        state,
        _place(row),
        row.get("sync_state") or row.get("mode", ""),
        row["level"],
        behind,
        seconds,
        row.get("timeline"),
        "The primary does not answer: there is nobody to hand over." if primary_error else objection,
        is_out=state in {"missing", "promoted", "slot_gone"},
        notes=tuple(row.get("notes") or ()),
    )


def _at_risk(row: Mapping[str, Any]) -> tuple[float | None, int | None]:
    """Return seconds and bytes that would be lost with this standby.

    The figure of the RPO outlives the primary; where there is none, the lag as the primary measured it.
    """
    measured = rpo.parse(get_reading(rpo.READING))
    for path in measured.paths if measured else []:
        if measured and path.name == row["name"] and path.behind_bytes is not None:
            return rpo.at_risk(path, measured.primary, datetime.now(UTC)), path.behind_bytes
    return row.get("flush_seconds"), row.get("flush_bytes")


def _of_node(node: Any) -> Candidate:
    objection = "" if node.state in UP else f"Patroni says: {node.state or 'away'}."
    if node.is_excluded:
        objection = "It carries the tag nofailover."
    return Candidate(
        node.name,
        node.state or "unknown",
        f"{node.host}:{node.port}" if node.host else "",
        {"sync_standby": "sync", "quorum_standby": "quorum"}.get(node.role, "async"),
        "ok" if node.state == STREAMING else "warning",
        node.lag,
        None,
        node.timeline,
        objection,
    )
