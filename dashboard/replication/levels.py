"""Judges standbys and slots by the thresholds of the database strategy. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from dashboard.core.config import Member
from dashboard.health.judging import CRITICAL, OK, RANK, WARNING, at_least
from dashboard.replication.judging import CATCHING_UP, PAUSED, STREAMING, UNKNOWN, StandbyState, join
from dashboard.replication.probes import PrimaryView, Slot, StandbyView

LAG_WARNING_SECONDS, LAG_CRITICAL_SECONDS = 30, 300
LAG_WARNING_BYTES, LAG_CRITICAL_BYTES = 2**30, 10 * 2**30
SLOT_IDLE_SECONDS = 1800


def judge_standby(
    expected: Member,
    primary: PrimaryView | None,
    own: StandbyView | None,
    *,
    own_error: str = "",
    earlier: dict[str, object] | None = None,
) -> StandbyState:
    """Return state, level and notes of an expected standby from what each end said (None: no answer)."""
    found = join(expected, primary, own, own_error=own_error, earlier=earlier)
    levels, notes = [_state_level(found.state)], list(found.notes)
    judged = [_lag_level(found), _sync_level(found), _slot_level(found.slot)]
    if primary is not None:
        judged.append(_without_slot(found))
    for level, note in judged:
        levels.append(level)
        notes += [note] if note else []
    return replace(found, level=max(levels, key=RANK.__getitem__), notes=notes)


def worst_level(standbys: Sequence[StandbyState]) -> str:
    """Return the most severe level."""
    return max((standby.level for standby in standbys), key=RANK.__getitem__, default=OK)


def judge_slot(slot: Slot, now: datetime) -> tuple[str, str]:
    """Return level and sentence of a slot; ok and '' when there is nothing to say."""
    if slot.wal_status == "lost":
        return CRITICAL, "It has lost WAL that its reader needs; it cannot be used again."
    if slot.wal_status == "unreserved":
        return WARNING, "It keeps more than max_slot_wal_keep_size: the next checkpoint removes WAL."
    if not slot.active and slot.inactive_at:
        idle = (now - slot.inactive_at).total_seconds()
        if idle >= SLOT_IDLE_SECONDS:
            return WARNING, "Nobody has read it for half an hour, and it keeps WAL until somebody does."
    return OK, ""


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


def _without_slot(found: StandbyState) -> tuple[str, str]:
    """A stream without a slot works until the standby is away for longer than WAL is kept."""
    if found.slot is not None or found.state not in {STREAMING, CATCHING_UP, PAUSED}:
        return OK, ""
    return WARNING, "It uses no slot: when it is away for long, the primary removes WAL it needs."
