"""Owns what stands in the documents, and which of them go with a message."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from dashboard.core.filters import NOTHING, money, number
from dashboard.core.mail import Attachment
from dashboard.erp.documents.typesetting import typeset
from dashboard.erp.messages.models import Message
from dashboard.erp.organizations.models import Organization
from dashboard.erp.purchasing.models import PurchaseOrder, PurchaseOrderLine, PurchaseOrderStatus
from dashboard.erp.sourcing.models import Rfq, RfqLine, RfqStatus

PDF = "application/pdf"
UNSENT = frozenset({PurchaseOrderStatus.DRAFT, PurchaseOrderStatus.TO_APPROVE, PurchaseOrderStatus.CANCELLED})
ASKING = frozenset({RfqStatus.SENT, RfqStatus.QUOTED})
Json = dict[str, Any]


def order_pdf(session: Session, order: PurchaseOrder) -> bytes:
    """The purchase order as a PDF; a draft says that it is one."""
    return typeset("purchase_order", order_data(session, order))


def rfq_pdf(session: Session, rfq: Rfq) -> bytes:
    """The request as a PDF, without target prices and budget: it goes to suppliers."""
    return typeset("rfq", rfq_data(session, rfq))


def file_name(record: PurchaseOrder | Rfq) -> str:
    """Name of a record's PDF."""
    kind = "order" if isinstance(record, PurchaseOrder) else "rfq"
    return f"{re.sub(r'[^A-Za-z0-9-]+', '-', record.number or f'{kind}-draft-{record.id}')}.pdf"


def attachments_of(session: Session, message: Message) -> list[Attachment]:
    """The document a message is about: the order that was sent, else the request while it is asked."""
    if message.order_id is not None:
        order = session.get_one(PurchaseOrder, message.order_id)
        if order.status in UNSENT:
            return []
        return [Attachment(file_name(order), order_pdf(session, order), PDF)]
    rfq = session.get(Rfq, message.rfq_id) if message.rfq_id else None
    if rfq is None or rfq.status not in ASKING:
        return []
    return [Attachment(file_name(rfq), rfq_pdf(session, rfq), PDF)]


def order_data(session: Session, order: PurchaseOrder) -> Json:
    """What stands in a purchase order."""
    lines = session.scalars(
        select(PurchaseOrderLine)
        .options(joinedload(PurchaseOrderLine.product))
        .where(PurchaseOrderLine.order_id == order.id)
        .order_by(PurchaseOrderLine.position, PurchaseOrderLine.id)
    )
    rows = [_order_row(place, line) for place, line in enumerate(lines, 1)]
    facts = [["Date", _day(order.ordered_on)], ["Currency", order.currency]]
    facts += [["Contact", f"{order.buyer.name}, {order.buyer.email}"]] if order.buyer else []
    facts += [["Your quote", order.quote.reference]] if order.quote and order.quote.reference else []
    whole = order.total + order.freight + order.duty
    extras = [("Freight", order.freight), ("Duty", order.duty)]
    return {
        "title": f"Purchase order {order.number}" if order.number else "Purchase order (draft)",
        "buyer": _organization(order.organization),
        "supplier": _party(order.supplier.name, order.supplier.address, order.supplier.email),
        "place": _place(order),
        "facts": facts,
        "rows": rows,
        "sums": [["Goods", money(order.total, order.currency)]]
        + [[name, money(amount, order.currency)] for name, amount in extras if amount],
        "total": ["Total", money(whole, order.currency)],
        "note": order.note or "",
    }


def rfq_data(session: Session, rfq: Rfq) -> Json:
    """What stands in a request."""
    lines = session.scalars(
        select(RfqLine)
        .options(joinedload(RfqLine.product), joinedload(RfqLine.unit))
        .where(RfqLine.rfq_id == rfq.id)
        .order_by(RfqLine.position, RfqLine.id)
    )
    facts = [["Answer by", _moment(rfq.deadline, rfq.organization)], ["Prices in", rfq.currency]]
    facts += [["Contact", f"{rfq.buyer.name}, {rfq.buyer.email}"]] if rfq.buyer else []
    return {
        "title": f"Request for quotation {rfq.number}" if rfq.number else "Request for quotation (draft)",
        "subject": rfq.title,
        "buyer": _organization(rfq.organization),
        "facts": facts,
        "rows": [_rfq_row(place, line) for place, line in enumerate(lines, 1)],
        "note": rfq.description or "",
    }


def _order_row(place: int, line: PurchaseOrderLine) -> list[str]:
    return [
        str(place),
        line.product.sku if line.product else "",
        _words(line),
        _quantity(line.quantity),
        _price(line.unit_price),
        _price(line.amount, 2),
        _day(line.promised_on),
    ]


def _rfq_row(place: int, line: RfqLine) -> list[str]:
    return [
        str(place),
        line.product.sku if line.product else "",
        _words(line),
        _quantity(line.quantity),
        line.unit.code if line.unit else "",
        _day(line.need_by),
    ]


def _words(line: PurchaseOrderLine | RfqLine) -> str:
    name = line.product.name if line.product else ""
    return "\n".join(words for words in (name, line.description) if words)


def _quantity(value: Decimal) -> str:
    whole, _, rest = f"{value:,.6f}".partition(".")
    return f"{whole}.{rest.rstrip('0')}".rstrip(".")


def _price(value: Decimal, least: int = 2) -> str:
    text = number(value, 4)
    kept = text.rstrip("0")
    return number(value, max(least, len(kept.partition(".")[2])))


def _day(day: date | None) -> str:
    return day.isoformat() if day else NOTHING


def _moment(moment: datetime | None, organization: Organization) -> str:
    return f"{moment.astimezone(ZoneInfo(organization.time_zone)):%Y-%m-%d %H:%M %Z}" if moment else NOTHING


def _organization(organization: Organization) -> Json:
    return _party(organization.name, organization.address)


def _place(order: PurchaseOrder) -> Json:
    place = order.warehouse
    if place is None:
        return _party(NOTHING)
    return _party(place.name, ", ".join(part for part in (place.city, place.country) if part))


def _party(name: str, *lines: str | None) -> Json:
    return {"name": name, "lines": [line for text in lines if text for line in text.splitlines()]}
