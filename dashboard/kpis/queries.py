"""Reads the figures behind the charts, within the current tenant; formulas as the KPI definitions have them.

Every month is the calendar month of the organization that owns the record, in its own time zone.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Select,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import InstrumentedAttribute

from dashboard.core.db import db
from dashboard.erp.currencies.models import FxRate
from dashboard.erp.inventory.models import StockBalance, Warehouse
from dashboard.erp.organizations.models import Organization
from dashboard.erp.purchasing.models import PurchaseOrder, PurchaseOrderLine, Receipt, ReceiptLine
from dashboard.erp.quotes.models import Quote
from dashboard.erp.sourcing.models import Rfq
from dashboard.erp.suppliers.models import Supplier
from dashboard.kpis.figures import Figures, ItemFigure, MonthFigure, Org
from dashboard.kpis.periods import Period

TOP_SUPPLIERS = 15
SECONDS_A_DAY = 86_400
TIME_LIMIT = "15s"  # a page, not a report: better an error that says so than a worker held for minutes

Moment = InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]


def list_orgs() -> list[Org]:
    """The tenant's organizations by name."""
    query = select(Organization).where(Organization.deleted_at.is_(None)).order_by(Organization.name)
    return [Org(org.id, org.name, org.base_currency, org.time_zone) for org in db.session.scalars(query)]


def display_currency(orgs: Sequence[Org]) -> str:
    """The base currency most of the organizations share; the first by alphabet among equals."""
    counted = Counter(org.currency for org in orgs)
    return min(counted, key=lambda code: (-counted[code], code), default="EUR")


def read_figures(orgs: Sequence[Org], period: Period) -> Figures:
    """Read all four figures for some organizations. Takes one query each, TIME_LIMIT at most."""
    db.session.execute(text(f"SET LOCAL statement_timeout TO '{TIME_LIMIT}'"))
    ids, currency = [org.id for org in orgs], display_currency(orgs)
    quotes, suppliers = quotes_by_supplier(ids, period)
    return Figures(
        as_of=datetime.now(UTC),
        orgs=tuple(orgs),
        currency=currency,
        spend=spend_by_month(ids, period, currency),
        cycle_times=cycle_time_by_month(ids, period),
        quotes=quotes,
        quoting_suppliers=suppliers,
        stock=stock_value_by_warehouse(ids, currency),
    )


def spend_by_month(org_ids: Sequence[int], period: Period, currency: str) -> tuple[MonthFigure, ...]:
    """Spend = Σ accepted quantity * order price, in the display currency at the receipt date's rate.

    Accepted is received minus rejected. `records` counts receipts. A receipt line whose currency has no rate
    up to its day is left out and counted as such.
    """
    day = cast(func.timezone(Organization.time_zone, Receipt.received_at), Date)
    to_base = case(
        (PurchaseOrder.currency == Organization.base_currency, literal(1)),
        else_=func.coalesce(
            _rate(PurchaseOrder.currency, Organization.base_currency, day),
            func.nullif(
                PurchaseOrder.fx_rate, 1
            ),  # the order's own snapshot; 1 between two currencies is unset
        ),
    )
    accepted = ReceiptLine.received - ReceiptLine.rejected
    rate = to_base * _rate(Organization.base_currency, literal(currency), day)
    month = _month(Receipt.received_at)
    query = (
        select(
            Receipt.org_id,
            month,
            func.sum(accepted * PurchaseOrderLine.unit_price * rate),
            func.count(Receipt.id.distinct()),
            func.count(ReceiptLine.id).filter(rate.is_(None)),
        )
        .join(Organization, Organization.id == Receipt.org_id)
        .join(PurchaseOrder, PurchaseOrder.id == Receipt.order_id)
        .outerjoin(ReceiptLine, ReceiptLine.receipt_id == Receipt.id)
        .outerjoin(PurchaseOrderLine, PurchaseOrderLine.id == ReceiptLine.order_line_id)
        .where(Receipt.org_id.in_(org_ids), _within(Receipt.received_at, period))
        .group_by(Receipt.org_id, month)
    )
    return _month_figures(query)


def cycle_time_by_month(org_ids: Sequence[int], period: Period) -> tuple[MonthFigure, ...]:
    """Cycle time = median(awarded - sent) in days, by the month of the award; an RFQ needs both moments."""
    days = func.extract("epoch", Rfq.awarded_at - Rfq.sent_at) / SECONDS_A_DAY
    month = _month(Rfq.awarded_at)
    query = (
        select(Rfq.org_id, month, func.percentile_cont(0.5).within_group(days), func.count(), literal(0))
        .join(Organization, Organization.id == Rfq.org_id)
        .where(
            Rfq.org_id.in_(org_ids),
            _within(Rfq.awarded_at, period),
            Rfq.sent_at.is_not(None),
            Rfq.deleted_at.is_(None),
        )
        .group_by(Rfq.org_id, month)
    )
    return _month_figures(query)


def quotes_by_supplier(org_ids: Sequence[int], period: Period) -> tuple[tuple[ItemFigure, ...], int]:
    """Quotes submitted in the period by the TOP_SUPPLIERS, and how many suppliers quoted at all."""
    counted = (
        select(Quote.supplier_id, func.count().label("quotes"))
        .join(Organization, Organization.id == Quote.org_id)
        .where(Quote.org_id.in_(org_ids), _within(Quote.submitted_at, period), Quote.deleted_at.is_(None))
        .group_by(Quote.supplier_id)
        .subquery()
    )
    query = (
        select(Supplier.id, Supplier.org_id, Supplier.name, counted.c.quotes, counted.c.quotes, literal(0))
        .join(counted, counted.c.supplier_id == Supplier.id)
        .order_by(counted.c.quotes.desc(), Supplier.name, Supplier.id)
        .limit(TOP_SUPPLIERS)
    )
    suppliers = db.session.scalar(select(func.count()).select_from(counted)) or 0
    return _item_figures(query), suppliers


def stock_value_by_warehouse(org_ids: Sequence[int], currency: str) -> tuple[ItemFigure, ...]:
    """Stock value now = Σ balance * moving average cost, in the display currency at today's rate.

    `records` counts balances; one without a rate for its organization's currency is left out and counted.
    """
    today = cast(func.timezone(Organization.time_zone, func.now()), Date)
    rate = _rate(Organization.base_currency, literal(currency), today)
    query = (
        select(
            Warehouse.id,
            Warehouse.org_id,
            func.concat(Warehouse.code, " · ", Warehouse.name),
            func.sum(StockBalance.quantity * StockBalance.average_cost * rate),
            func.count(),
            func.count().filter(rate.is_(None)),
        )
        .select_from(StockBalance)
        .join(Warehouse, Warehouse.id == StockBalance.warehouse_id)
        .join(Organization, Organization.id == StockBalance.org_id)
        .where(StockBalance.org_id.in_(org_ids))
        .group_by(Warehouse.id)
        .order_by(Warehouse.code, Warehouse.id)
    )
    return _item_figures(query)


def _month(moment: Moment) -> ColumnElement[str]:
    # Not a bound value: PostgreSQL must see the same expression in SELECT and GROUP BY.
    return func.to_char(func.timezone(Organization.time_zone, moment), literal_column("'YYYY-MM'"))


def _within(moment: Moment, period: Period) -> ColumnElement[bool]:
    """Whether a moment lies in the period by the calendar of the record's organization."""
    return and_(moment >= _midnight(period.first), moment < _midnight(period.last + timedelta(days=1)))


def _midnight(day: date) -> ColumnElement[datetime]:
    return func.timezone(Organization.time_zone, cast(literal(day, Date), TIMESTAMP))


def _rate(source: Any, target: Any, day: ColumnElement[date]) -> ColumnElement[Any]:
    """Units of `target` for one of `source` by the newest rate up to that day; NULL when none is known."""
    known = func.coalesce(_newest_rate(source, target, day), 1 / _newest_rate(target, source, day))
    return case((source == target, literal(1)), else_=known)


def _newest_rate(source: Any, target: Any, day: ColumnElement[date]) -> Any:
    return (
        select(FxRate.rate)
        .where(FxRate.from_currency == source, FxRate.to_currency == target, FxRate.on_date <= day)
        .order_by(FxRate.on_date.desc())
        .limit(1)
        .scalar_subquery()
    )


def _month_figures(query: Select[*tuple[Any, ...]]) -> tuple[MonthFigure, ...]:
    return tuple(MonthFigure(*row) for row in db.session.execute(query))


def _item_figures(query: Select[*tuple[Any, ...]]) -> tuple[ItemFigure, ...]:
    return tuple(ItemFigure(*row) for row in db.session.execute(query))
