"""Conditions over the replication reading: standbys, replay, slots, Barman's stream."""

from typing import Any

from dashboard.alerts.registry import Answer, Breach, Unknown, Watch, condition
from dashboard.alerts.wording import at, listed
from dashboard.backups.watching.service import READING as WAL
from dashboard.core.filters import bytes_, duration
from dashboard.health.alerting import trusted
from dashboard.health.queries import get_reading
from dashboard.replication.judging import AWAY, CATCHING_UP, PAUSED, SLOT_GONE, STREAMING
from dashboard.replication.service import EVERY_SECONDS, READING

RECEIVER = "barman_receive_wal"  # Barman's application name, unless its streaming_conninfo says otherwise


def replication_values() -> dict[str, Any] | Unknown:
    """Return the last reading of replication, or why it says nothing now."""
    reading = trusted(READING, "Replication")
    return reading if isinstance(reading, Unknown) else reading.values


def values_of_primary() -> dict[str, Any] | Unknown:
    """Return the last reading where the primary answered: what only it can say."""
    values = replication_values()
    if isinstance(values, Unknown) or values["primary"]:
        return values
    last = (values.get("last_primary") or {}).get("clock_at")
    return Unknown(f"The primary does not answer: {values['primary_error']}", last)


@condition("replication.standby_missing", every=EVERY_SECONDS)
def standby_missing(_watch: Watch) -> Answer:
    """An expected standby does not stream from this primary."""
    values = values_of_primary()
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
    values = replication_values()
    if isinstance(values, Unknown):
        return values
    return [
        Breach(row["name"], f"Replay is paused; {bytes_(row['replay_bytes'])} behind the primary.")
        for row in values["standbys"]
        if row["state"] == PAUSED
    ]


@condition("replication.lagging", every=EVERY_SECONDS)
@condition("replication.far_behind", every=EVERY_SECONDS)
def lagging(watch: Watch) -> Answer:
    """A standby that streams has replayed less than the limit allows, in seconds."""
    values = values_of_primary()
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


@condition("replication.stuck_behind", every=EVERY_SECONDS)
def stuck_behind(watch: Watch) -> Answer:
    """A standby is behind by the limit, in bytes, and its replay has not moved since the last look."""
    return _behind(watch.limit, stuck=True)


@condition("replication.bytes_behind", every=EVERY_SECONDS)
def bytes_behind(watch: Watch) -> Answer:
    """A standby is behind by the limit, in bytes, whether it moves or not."""
    return _behind(watch.limit, stuck=False)


def _behind(limit: float, *, stuck: bool) -> Answer:
    values = values_of_primary()
    if isinstance(values, Unknown):
        return values
    return [
        Breach(
            row["name"],
            f"Replay is {bytes_(row['replay_bytes'])} behind"
            + (" and does not get any further." if row.get("is_moving") is False else "."),
        )
        for row in values["standbys"]
        if (row["replay_bytes"] or 0) >= limit and not (stuck and row.get("is_moving") is not False)
    ]


@condition("replication.slot_lost", every=EVERY_SECONDS)
def slot_lost(_watch: Watch) -> Answer:
    """A slot has lost WAL that its reader still needs."""
    return _slots("lost", "has lost WAL that its reader still needs: max_slot_wal_keep_size was passed.")


@condition("replication.slot_at_risk", every=EVERY_SECONDS)
def slot_at_risk(_watch: Watch) -> Answer:
    """A slot is about to lose WAL."""
    return _slots("unreserved", "keeps more WAL than max_slot_wal_keep_size: the next checkpoint removes it.")


def _slots(status: str, text: str) -> Answer:
    values = values_of_primary()
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


@condition("replication.slot_idle", every=EVERY_SECONDS)
def slot_idle(watch: Watch) -> Answer:
    """Nobody has read a slot for the limit, in seconds."""
    values = values_of_primary()
    if isinstance(values, Unknown):
        return values
    return [
        Breach(
            slot["name"],
            f"Nobody has read the slot {slot['name']} since {at(slot['inactive_at'])};"
            f" it keeps {bytes_(slot.get('retained_bytes'))} of WAL.",
        )
        for slot in values["slots"]
        if not slot.get("active")
        and slot.get("inactive_at")
        and (watch.now - slot["inactive_at"]).total_seconds() >= watch.limit
    ]


@condition("replication.slot_dropped", every=EVERY_SECONDS)
def slot_dropped(_watch: Watch) -> Answer:
    """An expected standby has no slot on the primary."""
    values = values_of_primary()
    if isinstance(values, Unknown):
        return values
    return [
        Breach(row["name"], _without_slot(row))
        for row in values["standbys"]
        if row.get("slot") is None and "slot" in row and row["state"] != "promoted"
    ]


def _without_slot(row: dict[str, Any]) -> str:
    text = f"The primary has no slot {row.get('slot_name') or ''}".rstrip() + f" for {row['name']}"
    if row["state"] == SLOT_GONE:
        return f"{text}, which asks for it: it gets no WAL."
    if row["state"] in {STREAMING, CATCHING_UP, PAUSED}:
        return f"{text}: it streams without one, and WAL it needs is removed when it is away for long."
    return f"{text}: WAL it needs is being removed."


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
    values = values_of_primary()
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
    values = values_of_primary()
    if isinstance(values, Unknown):
        return values
    names = sorted(slot["name"] for slot in values["slots"])
    if name in names:
        return []
    return [Breach("", f"The primary has no slot {name}; it has {listed(names, 5) or 'none'}.")]
