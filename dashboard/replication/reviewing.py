"""Builds what pages show of replication from its stored readings."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.core.charts import Chart
from dashboard.core.config import Member
from dashboard.core.filters import when
from dashboard.health.cards import Card, trouble
from dashboard.health.judging import CRITICAL, OK, RANK
from dashboard.health.queries import get_reading
from dashboard.health.reviewing import time_chart
from dashboard.replication.judging import STREAMING, slot_of
from dashboard.replication.levels import judge_slot
from dashboard.replication.probes import Slot
from dashboard.replication.queries import find_open_loss
from dashboard.replication.sampling import delay_series, lag_series, slot_series
from dashboard.replication.service import READING
from dashboard.replication.synchronous.deciding import is_unsafe
from dashboard.replication.synchronous.explaining import explain_frozen, explain_loss, explain_split

PERMISSION = "database.replication.view"
SLOT_FIELDS = frozenset(Slot.__dataclass_fields__)
Values = Mapping[str, Any]


def stored_values() -> dict[str, Any]:
    """Return the last good reading, {} before the first."""
    reading = get_reading(READING)
    return reading.values if reading and reading.taken_at else {}


def lag_charts(names: list[str], slots: list[str], span: timedelta) -> list[Chart]:
    """Draw how far each standby's replay was behind, in bytes and seconds, and the WAL that slots kept."""
    charts = [
        time_chart(
            "Replay behind the primary", {lag_series(name): name for name in names}, span=span, unit="bytes"
        ),
        time_chart(
            "Age of what a standby shows", {delay_series(name): name for name in names}, span=span, unit="s"
        ),
    ]
    kept = {slot_series(name): name for name in slots}
    return charts + ([time_chart("WAL kept by slots", kept, span=span, unit="bytes")] if kept else [])


def names_of(values: Values, members: tuple[Member, ...]) -> list[str]:
    """Return the standbys to draw: those of the reading, before the first one those expected."""
    rows = values.get("standbys")
    return [row["name"] for row in rows] if rows else [member.name for member in members]


def list_slots(values: Values) -> list[dict[str, Any]]:
    """Return every slot with its level, what is to say of it, and whose it is when nobody reads it."""
    owners = {row.get("slot_name") or slot_of(row["name"]): row["name"] for row in values.get("standbys", [])}
    now = datetime.now(UTC)
    found = []
    for row in values.get("slots", []):
        slot = Slot(**{key: value for key, value in row.items() if key in SLOT_FIELDS})
        level, note = judge_slot(slot, now)
        found.append({**row, "level": level, "note": note, "owner": owners.get(slot.name, "")})
    return found


def switch_state(values: Values) -> dict[str, Any]:
    """Return what is wanted of the synchronous copy and what the primary does, for the page."""
    primary, want = values.get("primary") or {}, values.get("wanted") or {}
    in_force = primary.get("synchronous_names", "")
    differs = bool(primary) and want.get("by_setting", False) and bool(want.get("names")) != bool(in_force)
    confirming = [
        row["name"] for row in values.get("standbys", []) if row["sync_state"] in {"sync", "quorum"}
    ]
    return {
        "wanted": ", ".join(want.get("names") or ()),
        "by_setting": want.get("by_setting", False),
        "degrade_after": want.get("degrade_after"),
        "restores": want.get("restores", True),
        "in_force": in_force,
        "commit": primary.get("synchronous_commit", ""),
        "confirming": ", ".join(confirming),
        "differs": differs or is_unsafe(values),
    }


def card() -> Card:
    """Replication at a glance: the worst standby speaks."""
    reading = get_reading(READING)
    status, text, headline = "unknown", "", "Not read yet"
    if reading and reading.taken_at:
        status, headline, text = _summary(reading.values)
    if doubt := trouble(reading, "Replication"):
        status, text = doubt
    return Card(
        "Replication",
        status,
        headline,
        text,
        "replication.page",
        PERMISSION,
        taken_at=reading.taken_at if reading else None,
        stale=bool(reading and reading.is_stale),
    )


def _summary(values: Values) -> tuple[str, str, str]:
    if split := explain_split(values):
        return CRITICAL, "Two servers take writes", split
    if not values["standbys"]:
        return "none", "No standby is expected", "A lost primary means a restore from backup."
    if values["primary_error"]:
        return CRITICAL, "The primary does not answer", values["primary_error"]
    well = sum(row["state"] == STREAMING for row in values["standbys"])
    return _of_standbys(values, f"{well} of {len(values['standbys'])} standbys stream")


def _of_standbys(values: Values, headline: str) -> tuple[str, str, str]:
    standbys = values["standbys"]
    if frozen := explain_frozen(values):
        return CRITICAL, headline, frozen
    if loss := find_open_loss():
        return CRITICAL, headline, explain_loss(loss, str(when(loss.since).striptags()))
    worst = max(standbys, key=lambda row: RANK[row["level"]])
    if worst["level"] == OK:
        return OK, headline, "Every expected standby is there and near the primary."
    others = [_in_words(row) for row in standbys if row is not worst and row["level"] != OK]
    return worst["level"], headline, " ".join([_in_words(worst), *worst["notes"], *others])


def _in_words(row: Values) -> str:
    return f"{row['name']} is {row['state'].replace('_', ' ')}."
