"""Conditions over the schemas of the fleet: what differs at one revision, what stays behind the head."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dashboard.alerts.registry import Answer, Breach, Unknown, Watch, condition
from dashboard.alerts.wording import at, listed
from dashboard.core.filters import duration
from dashboard.health.alerting import trusted
from dashboard.schema_migrations.drift.service import LOOK, LOOK_SECONDS
from dashboard.schema_migrations.queries import READING
from dashboard.schema_migrations.reading import EVERY_SECONDS


def _fleet() -> Mapping[str, Any] | Unknown:
    reading = trusted(READING, "Where the schemas stand")
    return reading if isinstance(reading, Unknown) else reading.data.get("fleet") or {}


@condition("schema_migrations.drift", every=LOOK_SECONDS)
def drift(_watch: Watch) -> Answer:
    """Schemas of one revision consist of different definitions."""
    look, fleet = trusted(LOOK, "What the schemas consist of"), _fleet()
    for doubt in (look, fleet):
        if isinstance(doubt, Unknown):
            return doubt
    assert not isinstance(fleet, Unknown)  # noqa: S101  # for the type checker: seen above
    return [_drifted(group) for group in fleet.get("drift", [])]


def _drifted(group: Mapping[str, Any]) -> Breach:
    others = [str(name) for name in group["others"]]
    return Breach(
        str(group["revision"]),
        f"At revision {group['revision']} {len(others)} of {group['schemas']} schemas differ from the others:"
        f" {listed(others, 5)}.",
    )


@condition("schema_migrations.behind", every=EVERY_SECONDS)
def behind(watch: Watch) -> Answer:
    """Schemas have not been at the head of this code for longer than the limit, in seconds."""
    fleet = _fleet()
    if isinstance(fleet, Unknown):
        return fleet
    late = [row for row in fleet.get("behind", []) if _seconds(row, watch.now) >= watch.limit]
    if not late:
        return []
    oldest = min(late, key=lambda row: str(row["since_at"]))
    return [
        Breach(
            "",
            f"{len(late)} of {fleet['schemas']} schemas have not been at {fleet['head']} for"
            f" {duration(_seconds(oldest, watch.now))}, since {at(_since(oldest))}:"
            f" {listed([str(row['name']) for row in late], 5)}.",
        )
    ]


def _since(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(row["since_at"]))


def _seconds(row: Mapping[str, Any], now: datetime) -> float:
    return (now - _since(row)).total_seconds()
