"""Two people who do the same at once, each on a connection of their own, and what they leave behind."""

import threading
from collections.abc import Callable

from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.core.errors import DashboardError
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant

TABLES = (
    *("notification", "receipt_line", "receipt", "purchase_order_line", "purchase_order", "award"),
    *("quote_line", "quote", "rfq_line", "rfq", "stock_move", "stock_balance", "product", "warehouse"),
    *("supplier", "number_sequence"),
)

BOOKED = "DELETE FROM kpi_move AS k USING stock_move AS m WHERE m.id = k.move_id AND m.org_id = :org"


def acme_of(app: Flask) -> TenantRef:
    """The tenant acme, for tests that run outside a request."""
    with app.app_context():
        return tenancy.get_tenant("acme")


def both(app: Flask, tenant: TenantRef, act: Callable[[Session], None]) -> list[str]:
    """Do something twice at once; what came of each: `done` or the name of the error."""
    outcomes: list[str] = []

    def once() -> None:
        with app.app_context(), use_tenant(tenant, actor="clerk@example.com") as session:
            try:
                act(session)
                session.commit()
                outcomes.append("done")
            except DashboardError as error:
                session.rollback()
                outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=once) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return outcomes


def remove(app: Flask, tenant: TenantRef, org_id: int) -> None:
    """Take an organization away with all that a test wrote for good, without the rules that keep numbers."""
    with app.app_context(), db.engines["owner"].begin() as owner:
        owner.execute(text(f'SET LOCAL search_path TO "{tenant.schema}", public'))
        owner.execute(text(BOOKED), {"org": org_id})
        for table in TABLES:
            where = "true" if table == "notification" else "org_id = :org"
            owner.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            owner.execute(text(f"DELETE FROM {table} WHERE {where}"), {"org": org_id})
            owner.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
        owner.execute(text("DELETE FROM organization WHERE id = :org"), {"org": org_id})
