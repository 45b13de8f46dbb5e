"""Decides what has to follow from what the probe read: degrade, restore, note a loss, close it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from dashboard.replication.judging import PAUSED, STREAMING
from dashboard.replication.models import DurabilityLoss, Restore
from dashboard.replication.synchronous.wanted import names_in

CAUGHT_UP_BYTES = 2**20
NOTED_AFTER_SECONDS = 10.0
IN_SYNC = ("sync", "quorum")
Values = Mapping[str, Any]


class Step(StrEnum):
    """What to do now."""

    NOTHING = "nothing"
    DEGRADE = "degrade"
    RESTORE = "restore"
    NOTE = "note"
    CLOSE = "close"
    DROP = "drop"


@dataclass(frozen=True)
class Decision:
    """A step, and why in a sentence that is kept."""

    step: Step
    reason: str = ""


NOTHING = Decision(Step.NOTHING)


def decide(values: Values, loss: DurabilityLoss | None, now: datetime) -> Decision:
    """Return the one thing to do after a reading; nothing while the primary does not answer."""
    if not values.get("primary"):
        return NOTHING
    want = values["wanted"]
    if loss is not None:
        return _while_lost(values, want, loss)
    if decision := _patience_is_over(values, want, now):
        return decision
    since = values.get("unsafe_since_at")
    if since is None or (now - since).total_seconds() < NOTED_AFTER_SECONDS:
        return NOTHING
    return Decision(Step.NOTE, _how_it_came(values))


def is_unsafe(values: Values) -> bool:
    """Whether commits should wait for a copy and the primary has them wait for nobody wanted."""
    primary, want = values.get("primary"), values.get("wanted") or {}
    if not primary or not want.get("names"):
        return False
    in_force = names_in(primary["synchronous_names"])
    return "*" not in in_force and not set(in_force) & set(want["names"])


def caught_up(values: Values) -> list[str]:
    """Return the wanted standbys that stream and are so near that commits would not freeze."""
    names = set((values.get("wanted") or {}).get("names", ()))
    return [
        row["name"]
        for row in values["standbys"]
        if row["name"] in names
        and row["state"] in {STREAMING, PAUSED}
        and row["flush_bytes"] is not None
        and row["flush_bytes"] <= CAUGHT_UP_BYTES
    ]


def confirming(values: Values, since: int = 0) -> list[str]:
    """Return the standbys that confirm commits now and hold all up to `since`, a position in bytes."""
    here = values["primary"]["position"]
    return [
        row["name"]
        for row in values["standbys"]
        if row["sync_state"] in IN_SYNC
        and row["state"] in {STREAMING, PAUSED}
        and row["flush_bytes"] is not None
        and row["flush_bytes"] <= CAUGHT_UP_BYTES
        and here - row["flush_bytes"] >= since
    ]


def _while_lost(values: Values, want: Values, loss: DurabilityLoss) -> Decision:
    if not want["names"]:
        return Decision(Step.DROP, "A synchronous copy is not wanted any more.")
    if not is_unsafe(values):
        names = confirming(values)
        if names:
            return Decision(Step.CLOSE, f"{', '.join(names)} confirms commits again.")
        return NOTHING
    if loss.restore != Restore.AUTOMATIC:
        return NOTHING
    names = caught_up(values)
    return Decision(Step.RESTORE, f"{', '.join(names)} has caught up.") if names else NOTHING


def _patience_is_over(values: Values, want: Values, now: datetime) -> Decision | None:
    frozen, after = values.get("frozen") or {}, want.get("degrade_after")
    if not after or not frozen.get("commits") or not frozen.get("since_at"):
        return None
    waited = (now + _ahead(values) - frozen["since_at"]).total_seconds()
    if waited < after:
        return None
    commits = "1 commit" if frozen["commits"] == 1 else f"{frozen['commits']} commits"
    return Decision(Step.DEGRADE, f"{commits} had waited for {waited:.0f} s; the limit is {after} s.")


def _ahead(values: Values) -> timedelta:
    """How far the primary's clock, by which commits are timed, is ahead of this machine's."""
    taken_at = values.get("taken_at")
    ahead: timedelta = values["primary"]["clock_at"] - taken_at if taken_at else timedelta()
    return ahead


def _how_it_came(values: Values) -> str:
    last = values.get("last_synchronous")
    if last is None:
        return "It is wanted, but was not switched on on the primary yet."
    if last["primary"] != values["primary_name"]:
        return f"{values['primary_name']} became the primary and waits for no copy yet."
    return "synchronous_standby_names was emptied outside Steward."
