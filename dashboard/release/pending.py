"""Reads what a release has to migrate, also where the tables that would tell are not there yet."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from dashboard.core.db import db
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.histories import PLANS, History

LEDGER = text("SELECT to_regclass('public.schema_head') IS NOT NULL")
BEHIND = text("SELECT count(*) FROM public.schema_head WHERE revision IS DISTINCT FROM :head")


@dataclass(frozen=True)
class Pending:
    """What is not at the code's heads. `schemas` is None where the ledger of tenants is yet to be made."""

    control: bool
    shared: bool
    schemas: int | None

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
            parts.append(f"{self.schemas} schemas of tenants")
        return f"to migrate: {', '.join(parts)}" if parts else "nothing to migrate"


def read_pending() -> Pending:
    """Read where the three histories stand. Raises OperationalError when a server is away."""
    control = _is_behind(History.CONTROL)
    shared = _is_behind(History.SHARED)
    with db.engines["owner"].connect() as connection:
        return Pending(control, shared, _schemas(connection))


def _is_behind(history: History) -> bool:
    with db.engines[PLANS[history].bind].connect() as connection:
        return (migrations.current(connection, history),) != migrations.heads(history)


def _schemas(connection: Connection) -> int | None:
    if not connection.scalar(LEDGER):
        return None
    head = ", ".join(migrations.heads(History.TENANT))
    return int(connection.scalar(BEHIND, {"head": head}) or 0)
