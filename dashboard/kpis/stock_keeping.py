"""Keeps beside the facts of stock what its page shows of each product: age, demand, lead time, what to order.

All of it comes out of the same SELECT as the facts, in the same transaction.
"""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from dashboard.kpis.asking import Terms
from dashboard.kpis.families import FAMILIES
from dashboard.kpis.models import KpiStock

KEPT = [name for name in KpiStock.__table__.columns.keys() if name not in {"product_id", "as_of"}]  # noqa: SIM118


def value_moves(session: Session) -> None:
    """Value the stock moves that came while the trigger that does it rested, such as loaded ones."""
    session.connection().exec_driver_sql("SELECT value_stock_moves()")


def keep_nothing(_session: Session, _terms: Terms, _records: Sequence[int] | None) -> None:
    """Balances by month need nothing kept beside them."""


def keep(session: Session, terms: Terms, records: Sequence[int] | None) -> None:
    """Write what there is of some products, or of all; those that are gone are removed."""
    ask = session.connection().exec_driver_sql
    chosen = "TRUE" if records is None else "{0} = ANY(%(records)s::bigint[])"
    columns = ", ".join(KEPT)
    binds = {**terms.binds(), "records": list(records or ())}
    ask(f"DELETE FROM kpi_stock WHERE {chosen.format('product_id')}", binds)  # noqa: S608  # text of our own
    ask(
        f"INSERT INTO kpi_stock (product_id, {columns}, as_of)"  # noqa: S608
        f" SELECT f.record_id, {', '.join(f'f.{name}' for name in KEPT)}, %(as_of)s"
        f" FROM ({FAMILIES['stock'].sql}) AS f WHERE {chosen.format('f.record_id')}",
        binds,
    )
