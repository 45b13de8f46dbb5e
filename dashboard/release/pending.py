"""Reads what a release has to migrate, also where the tables that would tell are not there yet."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from dashboard.core.db import db
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.histories import PLANS, History
from dashboard.tenants.creating.blueprint import known_revisions

LEDGER = text("SELECT to_regclass('public.schema_head') IS NOT NULL")
BEHIND = text(
    "SELECT count(*) FROM public.schema_head"
    " WHERE revision IS NULL OR (revision <> :head AND revision = ANY (:known))"
)
AHEAD = text(
    "SELECT schema_name || ' at ' || revision FROM public.schema_head"
    " WHERE revision <> ALL (:known) ORDER BY 1"
)


@dataclass(frozen=True)
class Pending:
    """What is not at the code's heads. `schemas` is None where the ledger of tenants is yet to be made.

    `ahead` names the schemas at revisions that this code does not know: no plan of it can move them.
    """

    control: bool
    shared: bool
    schemas: int | None
    ahead: tuple[str, ...] = ()

    @property
    def touches_erp(self) -> bool:
        """Whether the ERP would be changed, so that a backup has to come first."""
        return self.shared or self.schemas != 0

    def words(self) -> str:
        """Say it in a line."""
        parts = ["the control database"] * self.control + ["the shared tables"] * self.shared
        if self.schemas is None:
            parts.append("tenants (not counted yet)")
        elif self.schemas:
            parts.append(f"{schemas(self.schemas)} of tenants")
        words = f"to migrate: {', '.join(parts)}" if parts else "nothing to migrate"
        return f"{words}; of a newer release: {schemas(len(self.ahead))}" if self.ahead else words


def schemas(count: int) -> str:
    """So many of them, in words."""
    return "1 schema" if count == 1 else f"{count} schemas"


def read_pending() -> Pending:
    """Read where the three histories stand. Raises OperationalError when a server is away."""
    control = _is_behind(History.CONTROL)
    shared = _is_behind(History.SHARED)
    with db.engines["owner"].connect() as connection:
        if not connection.scalar(LEDGER):
            return Pending(control, shared, None)
        return Pending(control, shared, *_schemas(connection))


def _is_behind(history: History) -> bool:
    with db.engines[PLANS[history].bind].connect() as connection:
        return (migrations.current(connection, history),) != migrations.heads(history)


def _schemas(connection: Connection) -> tuple[int, tuple[str, ...]]:
    """Count the schemas of the ledger that a plan would move; name those it could not."""
    head = ", ".join(migrations.heads(History.TENANT))
    known = {"known": list(known_revisions())}
    behind = int(connection.scalar(BEHIND, {"head": head} | known) or 0)
    return behind, tuple(connection.scalars(AHEAD, known))
