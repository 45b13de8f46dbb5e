"""Stores what the probes of promises found (service layer of their jobs). Flushes; the jobs commit."""

from typing import Any

from dashboard.compliance import attested, reports
from dashboard.compliance.chain import ChainState
from dashboard.compliance.probes import read_access
from dashboard.core.config import Settings
from dashboard.health.connection import ProbeError
from dashboard.health.service import plain, store_reading

READING, CHAINS = "promises.access", "promises.chains"
EVERY_SECONDS, FOLLOW_SECONDS = 300, 900


def look(settings: Settings) -> str:
    """Read the primary and store what it said; return why that failed, '' when it did not."""
    try:
        store_reading(READING, plain(read_access(settings.database_monitor_url)), every=EVERY_SECONDS)
    except ProbeError as error:
        store_reading(READING, {}, str(error), every=EVERY_SECONDS)
        return str(error)
    return ""


def follow() -> list[str]:
    """Follow both chains and store how they stand; return what is broken."""
    found = {"report": reports.examine_chain(), "statement": attested.examine_chain()}
    rows = [_row(name, state) for name, state in found.items()]
    store_reading(CHAINS, {"chains": rows}, every=FOLLOW_SECONDS)
    return [f"{row['name']} {row['number']}: {row['reason']}" for row in rows if row["reason"]]


def _row(name: str, state: ChainState) -> dict[str, Any]:
    broken = state.broken
    return {
        "name": name,
        "links": state.links,
        "head": state.head,
        "number": broken.number if broken else None,
        "reason": broken.reason if broken else "",
    }
