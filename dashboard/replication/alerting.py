"""Conditions over the replication reading: standbys, replay, commits that wait, slots, Barman's stream."""

from typing import Any

from dashboard.alerts.registry import Answer, Breach, Unknown, Watch, condition
from dashboard.alerts.wording import at, listed
from dashboard.backups.watching.service import READING as WAL
from dashboard.core.filters import bytes_, duration
from dashboard.health.alerting import trusted
from dashboard.health.queries import get_reading
from dashboard.replication.judging import MISSING, PAUSED, PROMOTED, RECEIVER_GONE
from dashboard.replication.reviewing import explain_frozen
from dashboard.replication.service import EVERY_SECONDS, READING

RECEIVER = "barman_receive_wal"  # Barman's application name, unless its streaming_conninfo says otherwise
AWAY = (MISSING, RECEIVER_GONE, PROMOTED)


def _values() -> dict[str, Any] | Unknown:
    reading = trusted(READING, "Replication")
    return reading if isinstance(reading, Unknown) else reading.values


def _of_primary() -> dict[str, Any] | Unknown:
    """What only the primary can say."""
    values = _values()
    if isinstance(values, Unknown) or values["primary"]:
        return values
    last = (values.get("last_primary") or {}).get("clock_at")
    return Unknown(f"The primary does not answer: {values['primary_error']}", last)


@condition("replication.standby_missing", every=EVERY_SECONDS)
def standby_missing(_watch: Watch) -> Answer:
    """An expected standby does not stream from this primary."""
    values = _of_primary()
    if isinstance(values, Unknown):
        return values
    return [
        Breach(row["name"], f"{' '.join(row['notes'])} It was last there at {at(row.get('last_seen_at'))}.")
        for row in values["standbys"]
        if row["state"] in AWAY
    ]


@condition("replication.replay_paused", every=EVERY_SECONDS)
def replay_paused(_watch: Watch) -> Answer:
    """A standby receives WAL and does not apply it."""
    values = _values()
    if isinstance(values, Unknown):
        return values
    return [
        Breach(row["name"], f"Replay is paused; {bytes_(row['replay_bytes'])} behind the primary.")
        for row in values["standbys"]
        if row["state"] == PAUSED
    ]


@condition("replication.lagging", every=EVERY_SECONDS)
def lagging(watch: Watch) -> Answer:
    """A standby that streams has replayed less than the limit allows, in seconds."""
    values = _of_primary()
    if isinstance(values, Unknown):
        return values
    return [
        Breach(
            row["name"],
            f"Replay is {duration(row['replay_seconds'])} and {bytes_(row['replay_bytes'])} behind.",
        )
        for row in values["standbys"]
        if (row["replay_seconds"] or 0) >= watch.limit and row["state"] != PAUSED
    ]


@condition("replication.commits_wait", every=EVERY_SECONDS)
def commits_wait(watch: Watch) -> Answer:
    """Commits have waited for a synchronous standby longer than the limit, in seconds."""
    values = _of_primary()
    if isinstance(values, Unknown):
        return values
    frozen = values.get("frozen") or {}
    if not frozen.get("commits") or (frozen["seconds"] or 0) < watch.limit:
        return []
    return [Breach("", explain_frozen(values))]


@condition("replication.slot_lost", every=EVERY_SECONDS)
def slot_lost(_watch: Watch) -> Answer:
    """A slot has lost WAL that its reader still needs."""
    return _slots("lost", "has lost WAL that its reader still needs: max_slot_wal_keep_size was passed.")


@condition("replication.slot_at_risk", every=EVERY_SECONDS)
def slot_at_risk(_watch: Watch) -> Answer:
    """A slot is about to lose WAL."""
    return _slots("unreserved", "keeps more WAL than max_slot_wal_keep_size: the next checkpoint removes it.")


def _slots(status: str, text: str) -> Answer:
    values = _of_primary()
    if isinstance(values, Unknown):
        return values
    return [
        Breach(
            slot["name"],
            f"The slot {slot['name']} {text}"
            + (f" Its reader went away at {at(slot['inactive_at'])}." if slot.get("inactive_at") else ""),
        )
        for slot in values["slots"]
        if slot["wal_status"] == status
    ]


def _barmans_slot() -> str | None:
    """Return the name of the slot Barman is configured with, None where Barman is not used."""
    reading = get_reading(WAL)
    return str(reading.data.get("slot_name", "")) if reading and reading.taken_at else None


@condition("backups.receive_wal_dead", every=EVERY_SECONDS)
def receive_wal_dead(_watch: Watch) -> Answer:
    """Nobody receives the stream of WAL for Barman."""
    name = _barmans_slot()
    if name is None:
        return []
    values = _of_primary()
    if isinstance(values, Unknown):
        return values
    slot = next((slot for slot in values["slots"] if slot["name"] == name), None)
    if any(sender["name"] == RECEIVER for sender in values["others"]) or (slot and slot["active"]):
        return []
    kept = f" Its slot {name} has been idle since {at(slot.get('inactive_at'))}." if slot else ""
    return [Breach("", f"No client of the primary is called {RECEIVER}.{kept} Only the archiver saves WAL.")]


@condition("backups.slot_missing", every=EVERY_SECONDS)
def slot_missing(_watch: Watch) -> Answer:
    """The primary has no slot of Barman's name."""
    name = _barmans_slot()
    if not name:
        return []
    values = _of_primary()
    if isinstance(values, Unknown):
        return values
    names = sorted(slot["name"] for slot in values["slots"])
    if name in names:
        return []
    return [Breach("", f"The primary has no slot {name}; it has {listed(names, 5) or 'none'}.")]
