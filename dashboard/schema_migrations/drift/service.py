"""Looks for drift: fills the ledger's fingerprints and keeps the definitions behind each. The job commits."""

from sqlalchemy import Engine, select

from dashboard.core.db import db
from dashboard.health.service import store_reading
from dashboard.schema_migrations.drift.looking import Look, Report, look, read_definition
from dashboard.schema_migrations.drift.models import SchemaDefinition
from dashboard.schema_migrations.ledger import Standing, read_ledger

LOOK = "schema_migrations.drift"  # the reading that says when all schemas were last looked at
LOOK_SECONDS = 3600


def look_at_all(engine: Engine, report: Report) -> Look:
    """Read what every schema consists of, spares and template included. `engine` is the owner's login."""
    seen = _look(engine, _ledger(engine), report)
    facts = {"schemas": len(seen.found), "busy": seen.busy, "gone": seen.gone}
    store_reading(LOOK, facts, every=LOOK_SECONDS)
    return seen


def look_at_new(engine: Engine, report: Report) -> Look:
    """Read only what has moved since it was last read, and what is new."""
    return _look(engine, [row for row in _ledger(engine) if row.fingerprint is None], report)


def _ledger(engine: Engine) -> list[Standing]:
    with engine.connect() as connection:
        return read_ledger(connection)


def _look(engine: Engine, rows: list[Standing], report: Report) -> Look:
    seen = look(engine, rows, report)
    _keep_definitions(engine)
    return seen


def _keep_definitions(engine: Engine) -> None:
    """Keep what is behind each fingerprint that is in use; a control database of yesterday learns it anew."""
    known = set(db.session.scalars(select(SchemaDefinition.fingerprint)))
    examples = {row.fingerprint: row for row in _ledger(engine) if row.fingerprint not in known | {None}}
    for fingerprint, row in examples.items():
        objects = read_definition(engine, row)
        if objects:
            kept = [list(found) for found in objects]
            db.session.add(SchemaDefinition(fingerprint=fingerprint, objects=kept))
    db.session.flush()
