"""Joins what both ends say into one state per expected standby, and judges it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from dashboard.core.config import Standby
from dashboard.health.judging import CRITICAL, OK, RANK, WARNING, at_least
from dashboard.replication.probes import PrimaryView, Receiver, Sender, Slot, StandbyView

STREAMING, MISSING, PAUSED = "streaming", "missing", "paused"
CATCHING_UP, RECEIVER_GONE, PROMOTED, UNKNOWN = "catching_up", "receiver_gone", "promoted", "unknown"

LAG_WARNING_SECONDS, LAG_CRITICAL_SECONDS = 30, 300
LAG_WARNING_BYTES, LAG_CRITICAL_BYTES = 2**30, 10 * 2**30


@dataclass(frozen=True)
class StandbyState:
    """One expected standby. Bytes behind the primary by stage; None means unknown, never 0.

    Seconds are None when there was no recent traffic. `notes` are sentences for people.
    """

    name: str
    zone: str
    region: str
    mode: str
    state: str
    level: str
    notes: list[str]
    sync_state: str | None = None
    sent_bytes: int | None = None
    write_bytes: int | None = None
    flush_bytes: int | None = None
    replay_bytes: int | None = None
    write_seconds: float | None = None
    flush_seconds: float | None = None
    replay_seconds: float | None = None
    slot: Slot | None = None
    receiver: Receiver | None = None
    paused: bool = False
    last_transaction_at: datetime | None = None
    last_seen_at: datetime | None = None


def judge_standby(
    expected: Standby,
    primary: PrimaryView | None,
    own: StandbyView | None,
    *,
    own_error: str = "",
) -> StandbyState:
    """Return state, level and notes of an expected standby from what each end said (None: no answer)."""
    sender = _sender(expected.name, primary)
    state, notes = _state(sender, own, own_error, primary_answers=primary is not None)
    found = StandbyState(
        expected.name,
        expected.zone,
        expected.region,
        expected.mode,
        state,
        OK,
        notes,
        slot=_slot(expected, primary, sender),
    )
    if own is not None:
        found = replace(
            found, receiver=own.receiver, paused=own.paused, last_transaction_at=own.last_transaction_at
        )
    if sender is not None:
        found = _with_lag(found, sender)
    elif primary is not None and own is not None and own.in_recovery:
        found = _with_positions(found, primary, own)
    return _levelled(found)


def slot_name(standby: str) -> str:
    """Return the slot a standby is expected to use (slots allow no dash)."""
    return standby.replace("-", "_")


def _sender(name: str, primary: PrimaryView | None) -> Sender | None:
    rows = [row for row in primary.senders if row.name == name] if primary else []
    return next((row for row in rows if row.state == STREAMING), rows[0] if rows else None)


def _slot(expected: Standby, primary: PrimaryView | None, sender: Sender | None) -> Slot | None:
    slots = primary.slots if primary else []
    in_use = [slot for slot in slots if sender and slot.pid == sender.pid]
    by_name = [slot for slot in slots if slot.name == slot_name(expected.name)]
    return next(iter(in_use + by_name), None)


def _state(
    sender: Sender | None, own: StandbyView | None, own_error: str, *, primary_answers: bool
) -> tuple[str, list[str]]:
    """Say what is known; a row that is missing is worse than one that is slow."""
    if own is not None and not own.in_recovery:
        return PROMOTED, ["It is no standby any more: it takes writes. Two primaries lose data; stop one."]
    if sender is not None:
        notes = [] if own else [f"It streams but does not answer questions: {own_error}"]
        return _streaming_state(sender, own), notes
    if own is None:
        return MISSING, [f"It does not stream from the primary and does not answer: {own_error}"]
    return _cut_off_state(own, primary_answers=primary_answers)


def _cut_off_state(own: StandbyView, *, primary_answers: bool) -> tuple[str, list[str]]:
    if own.receiver is None:
        cause = "is cut off from the primary" if primary_answers else "the primary does not answer"
        return RECEIVER_GONE, [f"It is up, but has no receiver: {cause}."]
    if not primary_answers:
        return UNKNOWN, ["The primary does not answer the probe; the standby is still connected to it."]
    return RECEIVER_GONE, ["It receives from another server, not from this primary."]


def _streaming_state(sender: Sender, own: StandbyView | None) -> str:
    if own is not None and own.paused:
        return PAUSED  # pg_stat_replication still says streaming
    return STREAMING if sender.state == STREAMING else CATCHING_UP


def _with_lag(found: StandbyState, sender: Sender) -> StandbyState:
    return replace(
        found,
        sync_state=sender.sync_state,
        sent_bytes=sender.sent_bytes,
        write_bytes=sender.write_bytes,
        flush_bytes=sender.flush_bytes,
        replay_bytes=sender.replay_bytes,
        write_seconds=sender.write_seconds,
        flush_seconds=sender.flush_seconds,
        replay_seconds=sender.replay_seconds,
    )


def _with_positions(found: StandbyState, primary: PrimaryView, own: StandbyView) -> StandbyState:
    """Compare a cut-off standby with the primary: it would say 0 of itself."""
    here = primary.primary.position
    return replace(
        found,
        flush_bytes=None if own.received_position is None else here - own.received_position,
        replay_bytes=None if own.replayed_position is None else here - own.replayed_position,
    )


def _levelled(found: StandbyState) -> StandbyState:
    levels, notes = [_state_level(found.state)], list(found.notes)
    for level, note in (_lag_level(found), _sync_level(found), _slot_level(found.slot)):
        levels.append(level)
        notes += [note] if note else []
    return replace(found, level=max(levels, key=RANK.__getitem__), notes=notes)


def _state_level(state: str) -> str:
    return {STREAMING: OK, PAUSED: WARNING, CATCHING_UP: WARNING, UNKNOWN: "unknown"}.get(state, CRITICAL)


def _lag_level(found: StandbyState) -> tuple[str, str]:
    by_time = at_least(found.replay_seconds or 0, LAG_WARNING_SECONDS, LAG_CRITICAL_SECONDS)
    by_bytes = at_least(found.replay_bytes or 0, LAG_WARNING_BYTES, LAG_CRITICAL_BYTES)
    level = max(by_time, by_bytes, key=RANK.__getitem__)
    note = "" if level == OK else "It is far behind the primary."
    if found.state == PAUSED:
        note = "Replay is paused: it receives WAL but does not apply it. Resume with pg_wal_replay_resume()."
    return level, note


def _sync_level(found: StandbyState) -> tuple[str, str]:
    if found.mode != "sync" or found.sync_state in {None, "sync", "quorum"}:
        return OK, ""
    return WARNING, f"It should be synchronous but is {found.sync_state}: a failover may lose commits."


def _slot_level(slot: Slot | None) -> tuple[str, str]:
    if slot is None:
        return OK, ""
    if slot.wal_status == "lost":
        return CRITICAL, "Its slot has lost WAL it needs: the standby must be copied anew."
    if slot.wal_status == "unreserved":
        return WARNING, "Its slot is about to lose WAL: the limit max_slot_wal_keep_size is reached."
    return OK, ""


def worst_level(standbys: Sequence[StandbyState]) -> str:
    """Return the most severe level."""
    return max((standby.level for standby in standbys), key=RANK.__getitem__, default=OK)
