"""Keeps what Patroni last said as a reading, for pages and rules."""

from dashboard.core.config import Settings
from dashboard.failover.patroni import client
from dashboard.failover.patroni.client import PatroniError, View
from dashboard.health.service import plain, store_reading

READING = "failover.patroni"
EVERY_SECONDS = 20


def refresh(settings: Settings) -> View | None:
    """Ask Patroni and store the answer, or why there is none; None where it is not configured."""
    if not settings.patroni_url:
        return None
    try:
        view = client.of_settings(settings.patroni_url, settings.patroni_options).look()
    except PatroniError as error:
        store_reading(READING, {}, str(error), every=EVERY_SECONDS)
        return View()
    store_reading(READING, plain(view), every=EVERY_SECONDS)
    return view


def from_reading(data: dict[str, object]) -> View:
    """Return the stored answer as it was."""
    nodes = data.get("nodes")
    events = data.get("events")
    scheduled = data.get("scheduled")
    return View(
        nodes=[client.Node(**row) for row in nodes] if isinstance(nodes, list) else [],
        is_paused=bool(data.get("is_paused")),
        scheduled=scheduled if isinstance(scheduled, dict) else {},
        events=[client.Event(**row) for row in events] if isinstance(events, list) else [],
        scope=str(data.get("scope", "")),
        version=str(data.get("version", "")),
        asked=str(data.get("asked", "")),
    )
