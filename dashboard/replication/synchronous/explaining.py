"""Says in sentences what the synchronous copy does to commits. Pure."""

from collections.abc import Mapping
from typing import Any

from dashboard.core.filters import duration
from dashboard.replication.judging import STREAMING
from dashboard.replication.models import DurabilityLoss
from dashboard.replication.synchronous.wanted import names_in

Values = Mapping[str, Any]
SCHEMA = "tenant_"


def explain_frozen(values: Values) -> str:
    """Say in one sentence that commits wait, since when and for whom; '' when none do."""
    frozen = values.get("frozen") or {}
    if not frozen.get("commits"):
        return ""
    commits = "1 commit waits" if frozen["commits"] == 1 else f"{frozen['commits']} commits wait"
    oldest = f"the oldest for {frozen['seconds'] or 0:.0f} s"
    return (
        f"{commits} for {waited_for(values)}, {oldest}. Writes hang until the standby is back or"
        " synchronous_standby_names is changed; reads go on. No lock is shown: the wait event is SyncRep."
    )


def waited_for(values: Values) -> str:
    """Name the standbys that commits wait for and that do not answer, else all they wait for."""
    names = names_in((values.get("primary") or {}).get("synchronous_names", ""))
    is_open = not names or "*" in names
    away = [
        row["name"]
        for row in values["standbys"]
        if row["state"] != STREAMING and (row["mode"] == "sync" if is_open else row["name"] in names)
    ]
    return ", ".join(away) or ", ".join(names) or "a synchronous standby"


def list_waiting(values: Values) -> list[dict[str, Any]]:
    """Return whose commits wait, with the tenants read from the schemas they wrote to."""
    rows = (values.get("frozen") or {}).get("by") or []
    return [{**row, "tenants": tenants_in(row["schemas"])} for row in rows]


def tenants_in(schemas: str) -> str:
    """Name the tenants of schemas: tenant_acme, public → acme, public."""
    names = [name.strip() for name in schemas.split(",") if name.strip()]
    return ", ".join(name.removeprefix(SCHEMA) for name in names)


def explain_loss(loss: DurabilityLoss, since: str) -> str:
    """Say that commits are on one server only; `since` is the moment in words."""
    return (
        f"Running without synchronous copy since {since}: commits do not wait for {loss.standby}, so a lost"
        " primary loses what was not copied yet."
    )


def explain_exposed(values: Values) -> str:
    """Say that the next commit will freeze: nobody is there to confirm it; '' while somebody is."""
    primary, frozen = values.get("primary"), values.get("frozen") or {}
    names = names_in(primary["synchronous_names"]) if primary else ()
    there = any(row["sync_state"] in {"sync", "quorum"} for row in values["standbys"])
    others = any(row.get("name") in names or "*" in names for row in values["others"])
    if not names or there or others or frozen.get("commits"):
        return ""
    after = (values.get("wanted") or {}).get("degrade_after")
    then = f" Steward lets them go on after {duration(after)}." if after else ""
    return f"Commits wait for {', '.join(names)}, which is not there: the next one freezes.{then}"


def explain_split(values: Values) -> str:
    """Say that several servers take writes; '' while at most one does."""
    writers = values.get("writers") or []
    if len(writers) < 2:
        return ""
    names = [name or "the server behind DATABASE_MONITOR_URL" for name in writers]
    chosen = values.get("primary_name") or names[0]
    return (
        f"{len(names)} servers take writes: {' and '.join(names)}. What is written on one is missing on the"
        f" other, and one of them will be thrown away. {chosen} counts as the primary here, being on the"
        " newest timeline."
    )
