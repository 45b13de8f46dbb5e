"""Builds what pages show of replication from its stored reading."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from dashboard.core.charts import Chart
from dashboard.core.config import Standby
from dashboard.health.cards import Card, trouble
from dashboard.health.judging import CRITICAL, OK, RANK
from dashboard.health.queries import get_reading
from dashboard.health.reviewing import time_chart
from dashboard.replication.judging import STREAMING
from dashboard.replication.service import READING, lag_series

PERMISSION = "database.replication.view"


def explain_frozen(values: Mapping[str, Any]) -> str:
    """Say in one sentence that commits wait, since when and for whom; '' when none do."""
    frozen = values.get("frozen") or {}
    if not frozen.get("commits"):
        return ""
    away = [row["name"] for row in values["standbys"] if row["mode"] == "sync" and row["state"] != STREAMING]
    names = ", ".join(away) or (values.get("primary") or {}).get("synchronous_names", "a synchronous standby")
    commits = "1 commit waits" if frozen["commits"] == 1 else f"{frozen['commits']} commits wait"
    return (
        f"{commits} for {names}, the oldest for {frozen['seconds'] or 0:.0f} s. Writes hang until the standby"
        " is back or synchronous_standby_names is changed; reads go on. No lock is shown: the wait event is"
        " SyncRep."
    )


def lag_chart(expected: tuple[Standby, ...], span: timedelta) -> Chart:
    """Draw how far each standby's replay was behind, in bytes."""
    names = {lag_series(standby.name): standby.name for standby in expected}
    return time_chart("Replay behind the primary", names, span=span, unit="bytes")


def card() -> Card:
    """Replication at a glance: the worst standby speaks."""
    reading = get_reading(READING)
    status, text, headline = "unknown", "", "Not read yet"
    if reading and reading.taken_at:
        values = reading.values
        status, headline, text = _summary(values)
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


def _summary(values: Mapping[str, Any]) -> tuple[str, str, str]:
    standbys = values["standbys"]
    if not standbys:
        return (
            "none",
            "No standby is expected",
            "A lost primary means a restore from backup.",
        )
    if values["primary_error"]:
        return CRITICAL, "The primary does not answer", values["primary_error"]
    well = sum(row["state"] == STREAMING for row in standbys)
    headline = f"{well} of {len(standbys)} standbys stream"
    worst = max(standbys, key=lambda row: RANK[row["level"]])
    if frozen := explain_frozen(values):
        return CRITICAL, headline, frozen
    if worst["level"] == OK:
        return OK, headline, "Every expected standby is there and near the primary."
    others = [_in_words(row) for row in standbys if row is not worst and row["level"] != OK]
    return worst["level"], headline, " ".join([_in_words(worst), *worst["notes"], *others])


def _in_words(row: Mapping[str, Any]) -> str:
    return f"{row['name']} is {row['state'].replace('_', ' ')}."
