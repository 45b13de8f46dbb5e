"""Brings a schema nobody works in, new or just restored, to the head in the caller's transaction."""

import re
from contextlib import closing
from functools import cache

from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from dashboard.schema_migrations.fleet import indexes
from dashboard.schema_migrations.fleet.locking import quoted
from dashboard.schema_migrations.fleet.rendering import RenderingError, render
from dashboard.schema_migrations.fleet.stepping import VERSION_TABLE
from dashboard.schema_migrations.fleet.steps import Step
from dashboard.schema_migrations.histories import History, enter

CONCURRENTLY = re.compile(r"\bCONCURRENTLY\b", re.IGNORECASE)


@cache
def _way(start: str | None) -> tuple[Step, ...]:
    """Return what leads from a revision to the head; the code of a process does not change."""
    return tuple(render(ScriptDirectory(History.TENANT.directory), start, "head"))


def build(connection: Connection, schema: str, start: str | None = None) -> bool:
    """Bring a schema from `start` (None: it is empty) to the head by the rendered history.

    What the revisions do outside of a transaction is done inside: the schema arrives whole or not at all.
    False, and nothing done, when it is there already or when only Alembic itself can do it.
    """
    try:
        steps = _way(start)
    except RenderingError:
        return False
    if not steps or any(step.by_alembic for step in steps):
        return False
    enter(connection, schema)
    with closing(connection.connection.cursor()) as at:
        for step in steps:
            at.execute("\n;".join(_inside(step)))
        at.execute(_version(schema, start, steps[-1].reaches or ""))
        if at.rowcount != 1:
            raise RenderingError(f"{schema} does not stand at {start}.", fix="Read the ledger again.")
    return True


def _inside(step: Step) -> list[str]:
    """Return the statements of a step as a transaction takes them."""
    return [
        CONCURRENTLY.sub("", statement, count=1) if indexes.parse(statement) else statement
        for statement in step.statements
    ]


def _version(schema: str, start: str | None, head: str) -> str:
    """Return what writes the version; revisions are names of the code, no input."""
    name = quoted(schema)
    if start is None:
        added = f"INSERT INTO {name}.alembic_version (version_num) VALUES ('{head}')"  # noqa: S608
        return f"{VERSION_TABLE.format(schema=name)}; {added}"
    return f"UPDATE {name}.alembic_version SET version_num = '{head}' WHERE version_num = '{start}'"  # noqa: S608
