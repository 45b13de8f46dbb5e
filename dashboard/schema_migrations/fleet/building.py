"""Builds a new schema by the rendered history in the caller's transaction: nobody works in it yet."""

import re
from contextlib import closing
from functools import cache

from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from dashboard.schema_migrations.fleet import indexes
from dashboard.schema_migrations.fleet.locking import quoted
from dashboard.schema_migrations.fleet.rendering import render
from dashboard.schema_migrations.fleet.stepping import VERSION_TABLE
from dashboard.schema_migrations.fleet.steps import Step
from dashboard.schema_migrations.histories import History, enter

CONCURRENTLY = re.compile(r"\bCONCURRENTLY\b", re.IGNORECASE)


@cache
def whole_history() -> tuple[Step, ...]:
    """Return all revisions of the code, rendered. The code of a process does not change."""
    return tuple(render(ScriptDirectory(History.TENANT.directory), None, "head"))


def build(connection: Connection, schema: str) -> bool:
    """Bring an empty schema to the head; False, and nothing done, when a revision needs Alembic itself.

    What the revisions do outside of a transaction is done inside: a new schema is made whole or not at all.
    """
    steps = whole_history()
    if any(step.by_alembic for step in steps):
        return False
    enter(connection, schema)
    name = quoted(schema)
    version = f"INSERT INTO {name}.alembic_version (version_num) VALUES ('{steps[-1].reaches}')"  # noqa: S608
    with closing(connection.connection.cursor()) as at:
        for step in steps:
            at.execute("\n;".join(_inside(step)))
        at.execute(f"{VERSION_TABLE.format(schema=name)}; {version}")
    return True


def _inside(step: Step) -> list[str]:
    """Return the statements of a step as a transaction takes them."""
    return [
        CONCURRENTLY.sub("", statement, count=1) if indexes.parse(statement) else statement
        for statement in step.statements
    ]
