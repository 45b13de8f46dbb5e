"""Counts what waits in a tenant; each count stops at a bound, so that it costs the same at any size."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, func, select

from dashboard.core.db import db
from dashboard.core.web import can
from dashboard.erp.catalog.models import Product
from dashboard.erp.inventory.models import StockBalance
from dashboard.erp.purchasing.models import PurchaseOrder
from dashboard.erp.quotes.models import Quote
from dashboard.erp.sourcing.models import Rfq
from dashboard.records.urls import Values, list_url

BOUND = 1_000
SOON = timedelta(days=7)


@dataclass(frozen=True)
class Tile:
    """One thing that waits: a number with its words and where to deal with it."""

    title: str
    value: str
    text: str
    url: str
    icon: str
    group: str
    status: str = ""


def waiting_in_tenant(tenant_name: str) -> list[Tile]:
    """What waits in the records of the current tenant, for what this person may see."""
    now = datetime.now(UTC).replace(microsecond=0)
    soon = (now + SOON).date().isoformat()
    today = now.date().isoformat()
    tiles = []
    if can("records.rfq.view"):
        due = select(Rfq.id).where(Rfq.status.in_(("sent", "quoted")), Rfq.deadline.between(now, now + SOON))
        arguments: dict[str, Values] = {
            "status": ["sent", "quoted"],
            "deadline__from": today,
            "deadline__to": soon,
        }
        tiles.append(_tile("RFQs due within a week", due, "rfq", arguments, "clock", tenant_name))
    if can("records.quote.view"):
        open_quotes = select(Quote.id).where(Quote.status == "submitted")
        tiles.append(
            _tile("Quotes to compare", open_quotes, "quote", {"status": "submitted"}, "scale", tenant_name)
        )
    if can("records.purchase_order.view"):
        approve = select(PurchaseOrder.id).where(PurchaseOrder.status == "to_approve")
        waiting: dict[str, Values] = {"status": "to_approve"}
        tiles.append(_tile("Orders to approve", approve, "purchase_order", waiting, "checks", tenant_name))
    if can("records.product.view"):
        tiles.append(
            _tile("Products below reorder point", _below_reorder(), "product", {}, "packages", tenant_name)
        )
    return tiles


def _below_reorder() -> Select[int]:
    on_hand = (
        select(StockBalance.product_id, func.sum(StockBalance.quantity).label("quantity"))
        .group_by(StockBalance.product_id)
        .subquery()
    )
    return (
        select(Product.id)
        .join(on_hand, on_hand.c.product_id == Product.id)
        .where(Product.is_active, Product.deleted_at.is_(None), on_hand.c.quantity < Product.reorder_point)
    )


def _tile(
    title: str,
    rows: Select[int],
    entity: str,
    arguments: Mapping[str, Values],
    icon: str,
    group: str,
) -> Tile:
    found = db.session.scalar(select(func.count()).select_from(rows.limit(BOUND + 1).subquery())) or 0
    value = f"{BOUND:,}+" if found > BOUND else f"{found:,}"
    text = "Nothing waits" if not found else "Open the list"
    return Tile(title, value, text, list_url(entity, arguments), icon, group)
