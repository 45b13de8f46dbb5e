"""Owns the spares: whole tenant schemas nobody has yet, which a new tenant takes by renaming one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from sqlalchemy import Connection, text, update

from dashboard.core.db import db
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.drift import definition
from dashboard.schema_migrations.models import SchemaHead, SchemaKind
from dashboard.tenants.creating import blueprint as blueprints
from dashboard.tenants.creating import naming
from dashboard.tenants.creating.blueprint import Blueprint, BlueprintError
from dashboard.tenants.creating.dropping import drop, names_of
from dashboard.tenants.creating.locking import creating
from dashboard.tenants.creating.template import make_blueprint, make_by_alembic

log = structlog.get_logger()
USABLE = (Path(__file__).with_name("sql") / "spares.sql").read_text()
LIST = text(USABLE)
# Two releases must not drop each other's spares in turn.
AHEAD = text("SELECT EXISTS (SELECT FROM public.schema_head WHERE revision <> ALL(:known))")
UNREAD = text(
    "SELECT h.schema_name FROM public.schema_head AS h WHERE h.kind = 'spare' AND h.fingerprint IS NULL"
    " AND h.revision = :revision"
    " AND EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = h.schema_name) ORDER BY 1"
)
# A fleet run brings it to another head; afterwards it may be as it should.
UNDER_WAY = "SELECT schema_name FROM public.fleet_task WHERE status IN ('pending', 'running')"


@dataclass
class Kept:
    """What one look after the pool did, by name."""

    made: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    ready: int = 0


def keep(wanted: int, tick: Callable[[str], None] = lambda _line: None) -> Kept:
    """Keep so many spares of this release ready; drop what is of another. Each in a transaction of its own.

    May be cut off anywhere: what was begun is undone by PostgreSQL, and the next call goes on from there.
    """
    kept = Kept()
    with db.engines["owner"].connect() as connection:
        if connection.scalar(AHEAD, {"known": list(blueprints.known_revisions())}):
            tick("the tables are of a newer release than this process: nothing to do here")
            return kept
        blueprint = blueprints.find(connection)
        if blueprint is None and is_fleet_moving(connection):
            tick("a fleet run is going on: the blueprint is made when it has ended")
            return kept
    if blueprint is None:
        tick("making the blueprint of this release")
        blueprint = make_blueprint()
    _read_fingerprints()
    ready = _usable()
    for name in _left_over(set(ready[:wanted])):
        tick(f"dropping {name}")
        kept.dropped += [name] if drop(name) else []
    for _ in range(wanted - len(ready)):
        tick("making a spare")
        kept.made.append(_make(blueprint))
    kept.ready = len(_usable())
    return kept


def is_fleet_moving(connection: Connection) -> bool:
    """Whether a fleet run has schemas left to bring to another head."""
    return bool(connection.scalar(text(f"SELECT EXISTS ({UNDER_WAY})")))


def release() -> dict[str, str]:
    """Return by what the spares of this release are known."""
    return {"revision": blueprints.head(), "code": blueprints.code_hash()}


def _usable() -> list[str]:
    with db.engines["owner"].connect() as connection:
        return list(connection.scalars(LIST, release()))


def _left_over(keeping: set[str]) -> list[str]:
    with db.engines["owner"].connect() as connection:
        moving = set(connection.scalars(text(UNDER_WAY)))
    return [name for name in names_of(SchemaKind.SPARE) if name not in keeping | moving]


def _read_fingerprints() -> None:
    """Look at spares that were moved since: a fleet run leaves the reading to others."""
    with db.engines["owner"].connect() as connection:
        names = list(connection.scalars(UNREAD, release()))
    for name in names:
        with creating() as connection:
            _note_fingerprint(connection, name, _fingerprint(connection, name))


def _fingerprint(connection: Connection, name: str) -> str:
    return definition.fingerprint(connection, name, role=naming.role_of(name))


def _note_fingerprint(connection: Connection, name: str, found: str) -> None:
    values = {"fingerprint": found, "fingerprinted_at": text("clock_timestamp()")}
    connection.execute(update(SchemaHead).where(SchemaHead.schema_name == name).values(values))


def _make(blueprint: Blueprint) -> str:
    with creating() as connection:
        name = naming.next_name(connection, SchemaKind.SPARE)
        if blueprint.ddl:
            blueprints.replay(connection, blueprint, name, naming.role_of(name))
        else:
            make_by_alembic(connection, name)
        found = _fingerprint(connection, name)
        if found != blueprint.fingerprint:
            raise BlueprintError(f"{name} did not become what the template is; nothing of it was kept.")
        migrations.note_head(connection, name, blueprint.revision, kind=SchemaKind.SPARE)
        _note_fingerprint(connection, name, found)
    log.info("spare_made", schema=name)
    return name
