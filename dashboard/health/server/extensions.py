"""Makes an extension of the strategy available in the ERP database, as its owner."""

from contextlib import closing
from dataclasses import dataclass

import psycopg2
from psycopg2 import sql
from psycopg2.errors import FeatureNotSupported, InsufficientPrivilege, UndefinedFile

from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.health.connection import libpq_url, one_line
from dashboard.health.probes import WANTED_EXTENSIONS

STATEMENT_MS, LOCK_MS = 60_000, 5_000
PRELOADED = frozenset({"pg_stat_statements", "pg_cron"})


@dataclass(frozen=True)
class Recipe:
    """What a superuser runs where the owner may not; `preload` is what the server must load at its start."""

    statement: str
    preload: str


def recipe(name: str) -> Recipe:
    """Return the SQL for an extension. Raises InvalidInputError for one the strategy does not name."""
    if name not in WANTED_EXTENSIONS:
        raise InvalidInputError(f"The strategy does not ask for an extension called {name}.")
    preload = f"shared_preload_libraries must hold {name}; it needs a restart." if name in PRELOADED else ""
    return Recipe(f'CREATE EXTENSION IF NOT EXISTS "{name}" SCHEMA public;', preload)


def enable_extension(owner_url: str, name: str) -> None:
    """Create an extension as the database's owner. Raises ConflictError with the SQL for a superuser."""
    asked = recipe(name)
    try:
        with closing(psycopg2.connect(libpq_url(owner_url), connect_timeout=3)) as link, link.cursor() as at:
            at.execute(f"SET statement_timeout = {STATEMENT_MS}; SET lock_timeout = {LOCK_MS}")
            at.execute(
                sql.SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA public").format(sql.Identifier(name))
            )
            link.commit()
    except InsufficientPrivilege as error:
        raise ConflictError(f"Only a superuser may install {name}. Run as one: {asked.statement}") from error
    except (UndefinedFile, FeatureNotSupported) as error:
        raise ConflictError(f"{name} is not on the server's machine: install its package first.") from error
    except psycopg2.Error as error:
        raise ConflictError(f"{name} could not be installed: {one_line(error)} {asked.preload}") from error
