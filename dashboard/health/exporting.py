"""Says on `/metrics` how old the readings are, which fail, and whether each part is ready."""

from collections.abc import Iterable

from flask import current_app
from sqlalchemy import select

from dashboard.core.db import db
from dashboard.health import readiness
from dashboard.health.models import Reading
from dashboard.metrics.exposition import Family


def readings() -> Iterable[Family]:
    """Return age and state of every reading."""
    age = Family("steward_reading_age_seconds", "Seconds since a reading was last taken well.")
    failing = Family("steward_reading_failing", "Whether the newest attempt to take a reading failed.")
    stale = Family("steward_reading_stale", "Whether a reading is older than three of its intervals.")
    columns = (
        Reading.key,
        Reading.taken_at,
        Reading.every_seconds,
        Reading.error,
    )  # not the data: it is large
    for key, taken_at, every, error in db.session.execute(select(*columns).order_by(Reading.key)):
        slim = Reading(key=key, taken_at=taken_at, every_seconds=every, error=error)
        age.add(slim.age_seconds, reading=key)
        failing.add(slim.is_failing, reading=key)
        stale.add(slim.is_stale, reading=key)
    return [age, failing, stale]


def readiness_of_parts() -> Iterable[Family]:
    """Return what `/readyz` would answer, live, part by part."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001  # threads need the app itself
    failing = readiness.run_checks(app)
    ready = Family("steward_ready", "Whether every part works, as /readyz says.")
    ready.add(not failing)
    parts = Family("steward_part_ready", "Whether a part works, as /readyz says.")
    for name in app.extensions.get("readiness", {}):
        parts.add(name not in failing, part=name)
    return [ready, parts]
