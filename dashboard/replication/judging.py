"""Joins what both ends say into one state per expected standby. Pure; `levels` judges how bad it is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dashboard.core.config import Member
from dashboard.health.judging import OK
from dashboard.replication.probes import PrimaryView, Receiver, Sender, Slot, StandbyView

STREAMING, MISSING, PAUSED, CUT_OFF = "streaming", "missing", "paused", "cut_off"
CATCHING_UP, RECEIVER_GONE, PROMOTED, UNKNOWN = "catching_up", "receiver_gone", "promoted", "unknown"
SLOT_GONE = "slot_gone"
AWAY = (MISSING, RECEIVER_GONE, CUT_OFF, SLOT_GONE, PROMOTED)

# A receiver answers at least every wal_receiver_status_interval (10 s as PostgreSQL comes); it may be late
# by half of it, and by a few seconds in which its disk flushes.
SILENT_SECONDS, SILENT_SHARE, USUAL_STATUS_SECONDS = 6.0, 1.5, 10.0


@dataclass(frozen=True)
class StandbyState:
    """One expected standby. Bytes behind the primary by stage; None means unknown, never 0.

    Seconds are None when there was no recent traffic. `notes` are sentences for people. `slot_name` is the
    slot it uses, or is expected to use; `replied_at` the time of its last answer by its own clock.
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
    slot_name: str = ""
    receiver: Receiver | None = None
    paused: bool = False
    answers: bool = False
    timeline: int | None = None
    last_transaction_at: datetime | None = None
    last_seen_at: datetime | None = None
    replied_at: datetime | None = None
    status_seconds: float = USUAL_STATUS_SECONDS


def join(
    expected: Member,
    primary: PrimaryView | None,
    own: StandbyView | None,
    *,
    own_error: str = "",
    earlier: Mapping[str, Any] | None = None,
) -> StandbyState:
    """Return what is known of an expected standby from what each end said (None: no answer).

    `earlier` is its row of the reading before: what an end that does not answer now said then.
    """
    before = earlier or {}
    sender = _sender(expected.name, primary)
    slot = _slot(expected, primary, sender)
    slot_name = (own.slot_name if own else "") or (slot.name if slot else before.get("slot_name") or "")
    found = StandbyState(
        expected.name, expected.zone, expected.region, expected.mode, UNKNOWN, OK, [], slot=slot
    )
    found = replace(found, slot_name=slot_name or slot_of(expected.name))
    found = _with_own(found, own, before)
    if sender is not None:
        found = _with_lag(found, sender)
    elif primary is not None and own is not None and own.in_recovery:
        found = _with_positions(found, primary, own)
    state, notes = _state(found, sender, own, own_error, primary, before)
    if state not in {STREAMING, CATCHING_UP}:
        # What the primary last measured says nothing of a stream that stands still.
        found = replace(found, write_seconds=None, flush_seconds=None, replay_seconds=None)
    return replace(found, state=state, notes=notes)


def slot_of(standby: str) -> str:
    """Return the slot a standby is expected to use (slots allow no dash)."""
    return standby.replace("-", "_")


def _sender(name: str, primary: PrimaryView | None) -> Sender | None:
    rows = [row for row in primary.senders if row.name == name] if primary else []
    return next((row for row in rows if row.state == STREAMING), rows[0] if rows else None)


def _slot(expected: Member, primary: PrimaryView | None, sender: Sender | None) -> Slot | None:
    slots = primary.slots if primary else []
    in_use = [slot for slot in slots if sender and slot.pid == sender.pid]
    by_name = [slot for slot in slots if slot.name == slot_of(expected.name)]
    return next(iter(in_use + by_name), None)


def _with_own(found: StandbyState, own: StandbyView | None, before: Mapping[str, Any]) -> StandbyState:
    if own is None:
        return replace(found, status_seconds=before.get("status_seconds") or USUAL_STATUS_SECONDS)
    return replace(
        found,
        answers=True,
        receiver=own.receiver,
        paused=own.paused,
        timeline=own.timeline,
        last_transaction_at=own.last_transaction_at,
        status_seconds=own.status_seconds,
    )


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
        replied_at=sender.replied_at,
    )


def _with_positions(found: StandbyState, primary: PrimaryView, own: StandbyView) -> StandbyState:
    """Compare a cut-off standby with the primary: it would say 0 of itself."""
    here = primary.primary.position
    return replace(
        found,
        flush_bytes=None if own.received_position is None else here - own.received_position,
        replay_bytes=None if own.replayed_position is None else here - own.replayed_position,
    )


def _state(
    found: StandbyState,
    sender: Sender | None,
    own: StandbyView | None,
    own_error: str,
    primary: PrimaryView | None,
    before: Mapping[str, Any],
) -> tuple[str, list[str]]:
    """Say what is known; a row that is missing is worse than one that is slow."""
    if own is not None and not own.in_recovery:
        return PROMOTED, ["It is no standby any more: it takes writes. Two primaries lose data; stop one."]
    if sender is not None and primary is not None:
        silent = _silence(found, sender, own, primary, before)
        if silent is not None:
            return CUT_OFF, [f"Its receiver has not answered for {silent:.0f} s; the connection is open."]
        notes = [] if own else [f"It streams but does not answer questions: {own_error}"]
        return _streaming_state(sender, own), notes
    if own is None:
        return MISSING, [f"It does not stream from the primary and does not answer: {own_error}"]
    return _cut_off_state(found, own, primary)


def _silence(
    found: StandbyState,
    sender: Sender,
    own: StandbyView | None,
    primary: PrimaryView,
    before: Mapping[str, Any],
) -> float | None:
    """Return for how many seconds a connected receiver has said nothing, None when it is heard in time."""
    limit = max(SILENT_SECONDS, SILENT_SHARE * found.status_seconds)
    if sender.replied_at is None or not found.status_seconds:
        return None
    if own is not None:
        # Both times are by the standby's clock, whatever it shows.
        seconds = (own.clock_at - sender.replied_at).total_seconds()
    elif before.get("replied_at") == sender.replied_at and before.get("reply_seen_at"):
        seconds = (primary.primary.clock_at - before["reply_seen_at"]).total_seconds()
    else:
        return None
    return seconds if seconds > limit else None


def _cut_off_state(
    found: StandbyState, own: StandbyView, primary: PrimaryView | None
) -> tuple[str, list[str]]:
    if primary is None:
        if own.receiver is None:
            return RECEIVER_GONE, ["It is up, but has no receiver: the primary does not answer."]
        return UNKNOWN, ["The primary does not answer the probe; the standby is still connected to it."]
    if own.slot_name and own.slot_name not in {slot.name for slot in primary.slots}:
        return SLOT_GONE, [_slot_gone(own.slot_name)]
    if found.slot and found.slot.wal_status == "lost":
        return SLOT_GONE, []
    return _receiving_elsewhere(own.receiver, primary.primary.port)


def _receiving_elsewhere(receiver: Receiver | None, port: int) -> tuple[str, list[str]]:
    if receiver is None:
        return RECEIVER_GONE, ["It is up, but has no receiver: it is cut off from the primary."]
    if receiver.sender_port != port:
        where = f"{receiver.sender_host}:{receiver.sender_port}"
        return RECEIVER_GONE, [f"It receives from another server ({where}), not from this primary."]
    heard = f"{receiver.heard_at:%H:%M:%S}" if receiver.heard_at else "never"
    note = f"The primary has given up its connection; its receiver hangs and last heard it at {heard}"
    return CUT_OFF, [f"{note} by its own clock."]


def _slot_gone(name: str) -> str:
    return (
        f"The primary has no slot {name}, which it asks for, so it gets nothing. Make the slot again if the"
        " WAL it needs is still there; else copy the standby anew."
    )


def _streaming_state(sender: Sender, own: StandbyView | None) -> str:
    if own is not None and own.paused:
        return PAUSED  # pg_stat_replication still says streaming
    return STREAMING if sender.state == STREAMING else CATCHING_UP
