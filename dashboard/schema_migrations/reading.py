"""Stores where every database and schema stands (service layer of the job that reads it)."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from dashboard.core.config import Settings
from dashboard.health.connection import ProbeError
from dashboard.health.queries import get_reading
from dashboard.health.service import plain, store_reading
from dashboard.schema_migrations.drift.groups import RevisionGroups, group
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.ledger import Standing
from dashboard.schema_migrations.probes import Fleet, read_control, read_fleet
from dashboard.schema_migrations.queries import COPY, READING
from dashboard.schema_migrations.revisions import CURRENT, head_of, status_of

EVERY_SECONDS = 60


def refresh_heads(settings: Settings) -> dict[str, Any]:
    """Read all heads; return how many schemas were read, or the error that is stored."""
    try:
        control, fleet = read_control(settings.control_url), read_fleet(settings.database_direct_url)
    except ProbeError as error:
        store_reading(READING, {}, str(error), every=EVERY_SECONDS)
        return {"error": str(error)}
    heads = list(head_of(History.TENANT))
    known_at = _known_since(heads)
    facts = {"shared": fleet.shared} | summary(fleet, heads, known_at)
    store_reading(
        READING,
        {"control": control, "heads": heads, "heads_known_at": known_at.isoformat(), "fleet": facts},
        every=EVERY_SECONDS,
    )
    store_reading(COPY, {"rows": fleet.standings}, every=EVERY_SECONDS)
    return {"schemas": len(fleet.standings), "differences": len(fleet.differences)}


def summary(fleet: Fleet, heads: list[str], known_at: datetime) -> dict[str, Any]:
    """What cards and alerts need to know of the fleet, in JSON-safe values."""
    rows = fleet.standings
    late = [row for row in rows if status_of(History.TENANT, row.revision) != CURRENT]
    return {
        "head": ", ".join(heads),
        "schemas": len(rows),
        "at": Counter(row.revision or "" for row in rows),
        "behind": [_late(row, known_at) for row in late],
        "drift": [_drift(groups) for groups in group(rows) if groups.others],
        "differences": [plain(found) for found in fleet.differences],
        "strays": fleet.strays,
        "moves": [plain(move) for move in fleet.moves],
    }


def _late(row: Standing, known_at: datetime) -> dict[str, Any]:
    """It has been late since the code asked for more, or since it was put where it is."""
    since = max(row.moved_at, known_at)
    return {"name": row.slug or row.schema, "revision": row.revision, "since_at": since.isoformat()}


def _drift(groups: RevisionGroups) -> dict[str, Any]:
    names = [member.schema for other in groups.others for member in other.members]
    return {"revision": groups.revision, "schemas": groups.count, "others": names}


def _known_since(heads: list[str]) -> datetime:
    """Since when the code has had these heads, as far as this product has seen."""
    before = get_reading(READING)
    if before and before.data.get("heads") == heads and "heads_known_at" in before.data:
        return datetime.fromisoformat(str(before.data["heads_known_at"]))
    return datetime.now(UTC)
