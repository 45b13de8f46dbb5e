"""Removes what broken builds of indexes leave, without waiting for anybody who holds them. An engine."""

from collections.abc import Callable

import psycopg2
from psycopg2.extensions import connection

from dashboard.health.actions import commands
from dashboard.health.actions.commands import Thing
from dashboard.health.actions.running import maintenance_connection

LOCK_MS = 500
CLEANERS: dict[str, Callable[[connection, Thing], object]] = {
    "reindex": commands.drop_leftovers,
    "create_index": commands.drop_half_made,
}


def is_possible(kind: str) -> bool:
    """Whether an action of this kind can leave a half-made index."""
    return kind in CLEANERS


def remove(url: str, kind: str, thing: Thing) -> bool:
    """Remove what an action of this kind left; return whether nothing is left."""
    try:
        # A connection of its own: that of the broken statement may be broken, too.
        with maintenance_connection(url, LOCK_MS) as link:
            CLEANERS[kind](link, thing)
    except psycopg2.Error:
        return False
    return True
