"""Carries over what one look cannot tell: since when, last seen, whether replay moves. Pure."""

from collections.abc import Mapping
from typing import Any

from dashboard.replication.judging import MISSING

Data = dict[str, Any]


def remember(data: Data, before: Mapping[str, Any], now: str) -> None:
    """Complete a reading from the one before it. Moments are ISO texts, as they are stored."""
    data["last_primary"] = data["primary"] or before.get("last_primary")
    data["last_synchronous"] = _last_synchronous(data, before)
    _remember_frozen(data.get("frozen"), before.get("frozen"))
    slots = {slot["name"]: slot for slot in before.get("slots", [])}
    earlier = {row["name"]: row for row in before.get("standbys", [])}
    for slot in [*data["slots"], *(row["slot"] for row in data["standbys"] if row["slot"])]:
        _remember_slot(slot, slots.get(slot["name"], {}), now)
    for row in data["standbys"]:
        _remember_standby(row, earlier.get(row["name"], {}), data["primary"], now)


def _last_synchronous(data: Data, before: Mapping[str, Any]) -> Any:
    """Keep on which server, and for whom, commits last waited as they should."""
    primary = data["primary"]
    if primary and primary["synchronous_names"]:
        return {"primary": data["primary_name"], "names": primary["synchronous_names"]}
    return before.get("last_synchronous")


def _remember_frozen(frozen: Data | None, before: Mapping[str, Any] | None) -> None:
    """Since when without a pause: a commit that gave up waiting must not set the clock back."""
    if frozen and frozen["commits"] and before and before.get("commits") and before.get("since_at"):
        frozen["since_at"] = min(frozen["since_at"] or before["since_at"], before["since_at"])


def _remember_slot(slot: Data, before: Mapping[str, Any], now: str) -> None:
    """PostgreSQL says since when a slot is idle from version 17 on."""
    if slot["active"]:
        slot["inactive_at"] = None
    else:
        slot["inactive_at"] = slot["inactive_at"] or before.get("inactive_at") or now


def _remember_standby(row: Data, before: Mapping[str, Any], primary: Data | None, now: str) -> None:
    row["last_seen_at"] = before.get("last_seen_at") if row["state"] == MISSING else now
    same = row["replied_at"] is not None and row["replied_at"] == before.get("replied_at")
    row["reply_seen_at"] = before.get("reply_seen_at") if same else (primary or {}).get("clock_at")
    position = None
    if primary and row["replay_bytes"] is not None:
        position = primary["position"] - row["replay_bytes"]
    row["replay_position"] = position
    row["is_moving"] = _is_moving(row["replay_bytes"], position, before.get("replay_position"))


def _is_moving(behind: int | None, position: int | None, last: int | None) -> bool | None:
    """Whether replay got further since the reading before, or has nothing to do; None when unknown."""
    if position is None or last is None:
        return None
    return behind == 0 or position > last
