"""Runs a revision that reads data, schema by schema, through Alembic with its scripts loaded once."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Never

import psycopg2
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from psycopg2.extensions import connection
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from dashboard.schema_migrations.fleet.locking import quoted
from dashboard.schema_migrations.fleet.rendering import RenderingError, operations
from dashboard.schema_migrations.fleet.steps import Step
from dashboard.schema_migrations.histories import History, settings_of

Runner = Callable[[connection, str, Step], None]


class _InOneTransaction(MigrationContext):
    """Alembic's context in the caller's transaction, which a revision must not end."""

    def autocommit_block(self) -> Never:
        """Refuse: what was done so far would be committed without the version."""
        raise RenderingError(
            "A revision that reads data cannot leave its transaction.",
            fix="Put what needs autocommit_block() into a revision of its own.",
        )


def runner(scripts: ScriptDirectory) -> Runner:
    """Return what runs a step without statements on a link, in its open transaction, which stays open."""

    def run(link: connection, schema: str, step: Step) -> None:
        script = scripts.revision_map.get_revision(step.revision)
        if not isinstance(script, Script):
            raise RenderingError(
                f"Revision {step.revision} is not in this code.", fix="Use the release that wrote it."
            )
        module: Any = script.module
        migrate = module.upgrade if step.reaches == step.revision else module.downgrade
        with closing(_borrowed(link)) as borrowed:
            borrowed.exec_driver_sql(f"SET LOCAL search_path TO {quoted(schema)}, public")
            borrowed.dialect.default_schema_name = schema
            options = settings_of(History.TENANT, schema) | {"script": scripts}
            with operations(_InOneTransaction(borrowed.dialect, borrowed, options)), _as_the_driver_says():
                migrate()

    return run


@contextmanager
def _as_the_driver_says() -> Iterator[None]:
    """Raise psycopg2's own errors: by their class a worker knows a lock to wait for and a lost link."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(error.orig, psycopg2.Error):
            raise error.orig from None
        raise


def _borrowed(link: connection) -> Connection:
    """Return SQLAlchemy's view of a link whose transaction and life belong to somebody else."""
    engine = create_engine("postgresql+psycopg2://", creator=lambda: link, poolclass=StaticPool)
    for ending in ("do_commit", "do_rollback"):
        setattr(engine.dialect, ending, _leave)
    return engine.connect()


def _leave(_link: object) -> None:
    """Leave the transaction to its owner."""
