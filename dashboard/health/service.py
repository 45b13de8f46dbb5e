"""Stores what probes read. Flushes; the job commits."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.dialects.postgresql import insert

from dashboard.core.db import db
from dashboard.health.models import Reading


def store_reading(key: str, data: Mapping[str, Any], error: str = "", *, every: int = 60) -> None:
    """Keep a probe's answer. With `error` the last good data stays and the error is put beside it.

    `every` is the probe's interval in seconds; a page calls a reading stale after three of them.
    0 says that it comes only while something is at work: nobody misses it afterwards.
    """
    now = datetime.now(UTC)
    if error:
        values: dict[str, Any] = {"error": error, "failed_at": now}
    else:
        values = {"data": dict(data), "taken_at": now, "error": "", "failed_at": None}
    values["every_seconds"] = every
    first = {"data": {}} | values
    statement = insert(Reading).values(key=key, **first)
    db.session.execute(statement.on_conflict_do_update(index_elements=[Reading.key], set_=values))
    _forget(key)


def plain(row: Any) -> dict[str, Any]:
    """Return a dataclass as JSON-safe values: datetimes become ISO texts."""
    frozen: dict[str, Any] = _plain(asdict(row))
    return frozen


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _forget(key: str) -> None:
    """Let the session read the row anew: the upsert went past its identity map."""
    known = db.session.identity_map.get(db.session.identity_key(Reading, key))
    if known is not None:
        db.session.expire(known)
