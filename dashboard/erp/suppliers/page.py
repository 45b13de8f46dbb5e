"""What the page of a supplier shows beside its fields: a fixed number of queries, whatever it did."""

from typing import Any

from flask import render_template
from markupsafe import Markup

from dashboard.core.db import db
from dashboard.core.web import can
from dashboard.erp.organizations.models import Organization
from dashboard.erp.suppliers import dealings, pairs, scorecard
from dashboard.erp.suppliers.models import Supplier
from dashboard.records.extensions import Panel
from dashboard.records.spec import Spec


def panels(spec: Spec, record: Any) -> list[Panel]:
    """The panels of a supplier, as far as the person may see their records."""
    if spec.entity != "supplier" or not isinstance(record, Supplier):
        return []
    session, found = db.session(), []
    warned = {
        "pairs": pairs.pairs_of(session, record.id),
        "certificates": dealings.ending_certificates(session, record.id),
    }
    if any(warned.values()):
        found.append(_panel("warnings", "", "top", 10, record, **warned))
    if can("records.purchase_order.view") and can("records.quote.view"):
        card = scorecard.read(session, record)
        found.append(_panel("scorecard", "Scorecard", "main", 5, record, card=card))
    if can("records.rfq.view"):
        requests = dealings.open_requests(session, record.id)
        found.append(_panel("requests", "Open requests", "main", 20, record, requests=requests))
    if can("records.quote.view"):
        quotes = dealings.latest_quotes(session, record.id)
        found.append(_panel("quotes", "Latest quotes", "main", 30, record, quotes=quotes))
    if can("records.purchase_order.view"):
        found.append(_orders(record))
    people = dealings.contacts(session, record.id)
    found.append(_panel("contacts", "Reach them", "side", 5, record, people=people))
    return found


def _orders(record: Supplier) -> Panel:
    session = db.session()
    organization = session.get_one(Organization, record.org_id)
    return _panel(
        "orders",
        "Orders",
        "main",
        40,
        record,
        orders=dealings.latest_orders(session, record.id),
        years=scorecard.spend_by_year(session, record.id),
        currency=organization.base_currency,
    )


def _panel(key: str, title: str, place: Any, order: int, record: Supplier, **values: Any) -> Panel:
    page = render_template(f"erp/suppliers/_{key}.html", supplier=record, **values)
    return Panel(key, title, Markup(page), place, order)  # noqa: S704  # our own template
