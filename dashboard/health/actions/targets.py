"""Owns what an action is done to: reads it from an address, checks it and names it. Pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dashboard.core.errors import InvalidInputError
from dashboard.health.actions.kinds import INDEX, Kind

LONGEST_NAME = 63  # of a PostgreSQL identifier
TENANT_SCHEMA = re.compile(r"^tenant_[a-z0-9_]{1,56}$")
Target = dict[str, Any]


def read(kind: Kind, given: Mapping[str, str]) -> Target:
    """Return the target named in an address. Raises InvalidInputError."""
    return _session(given) if kind.is_signal else _relation(kind, given)


def _session(given: Mapping[str, str]) -> Target:
    pid, started = given.get("pid", ""), given.get("started", "")
    began = _moment(started)
    if began is None or not pid.isdecimal() or int(pid) >= 2**31:
        raise InvalidInputError(
            "A session is named by its process id and when it began.",
            fix="Go back to the list of sessions and choose it there.",
        )
    return {"pid": int(pid), "started": began.isoformat()}


def _moment(written: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(written.replace(" +", "+"))  # a "+" may have come as a space
    except ValueError:
        return None
    return found if found.tzinfo else None


def _relation(kind: Kind, given: Mapping[str, str]) -> Target:
    found = {name: given.get(name, "").strip() for name in ("schema", "table", "index")}
    if any(len(name) > LONGEST_NAME or "\x00" in name for name in found.values()):
        raise InvalidInputError("That is no name of a table or an index.")
    wanted = found["index"] or found["table"] if kind.about == INDEX else found["table"]
    if kind.key in {"drop_index", "create_index"}:
        wanted = found["index"]
    if not found["schema"] or not wanted:
        raise InvalidInputError(
            "The schema and the name of a table or an index are missing.",
            fix="Go back to the list of tables or indexes and choose it there.",
        )
    return found


def short_name(target: Mapping[str, Any]) -> str:
    """Return what has to be typed: the process id, or the name without its schema."""
    return str(target.get("pid") or target.get("index") or target.get("table"))


def name(target: Mapping[str, Any], *, everywhere: bool = False) -> str:
    """Return the target in words."""
    if "pid" in target:
        return str(target["pid"])
    return (
        f"{short_name(target)} in every tenant" if everywhere else f"{target['schema']}.{short_name(target)}"
    )


def is_of_a_tenant(target: Mapping[str, Any]) -> bool:
    """Whether the same table or index may be in every other tenant, too."""
    return bool(TENANT_SCHEMA.match(str(target.get("schema", ""))))
