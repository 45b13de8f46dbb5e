"""Cards on the page of a request: how bidding stands, and who was invited."""

from typing import Any

from flask import Flask, render_template, url_for
from markupsafe import Markup

from dashboard.core.db import db
from dashboard.core.web import can
from dashboard.erp.sealing import queries as seals
from dashboard.erp.sourcing import queries
from dashboard.records import registry
from dashboard.records.extensions import Action, Panel, add_actions, add_panels
from dashboard.records.spec import Spec


def init_app(app: Flask) -> None:
    """Add the cards and buttons."""
    add_panels(app, _panels)
    add_actions(app, _actions)


def _panels(spec: Spec, record: Any) -> list[Panel]:
    if spec.entity == "quote":
        return _seal_of_quote(record)
    if spec.entity != "rfq":
        return []
    session = db.session()
    invited = queries.list_invited(session, record.id)
    found = []
    if record.status in queries.BIDDING or record.sealed:
        found.append(Panel("bidding", "Bidding", _bidding(record), "top", 10))
    if invited:
        page = render_template(
            "erp/sourcing/invited.html",
            rfq=record,
            invited=invited,
            may_send=can("records.rfq.send") and not queries.why_no_bids(session, record),
        )
        found.append(Panel("invited", "Answers", Markup(page), "main", 10))  # noqa: S704  # our own template
    return found


def _bidding(rfq: Any) -> Markup:
    session = db.session()
    page = render_template(
        "erp/sourcing/bidding.html",
        rfq=rfq,
        bids=queries.count_bids(session, rfq.id),
        opens_at=seals.opening_of(session, rfq.id),
        is_sealed=seals.is_closed(session, rfq.id),
        closed=queries.why_no_bids(session, rfq),
    )
    return Markup(page)  # noqa: S704


def _seal_of_quote(quote: Any) -> list[Panel]:
    session = db.session()
    if not seals.is_closed(session, quote.rfq_id):
        return []
    opens_at = seals.opening_of(session, quote.rfq_id)
    page = render_template("erp/sourcing/sealed_quote.html", opens_at=opens_at)
    return [Panel("sealed", "Sealed", Markup(page), "top", 10)]  # noqa: S704


def _actions(spec: Spec, record: Any) -> list[Action]:
    if spec.entity != "rfq" or record.status not in queries.BIDDING:
        return []
    found = []
    if can("records.rfq.send"):
        found.append(Action("Invite more", url_for("sourcing.invite", rfq_id=record.id), "user-plus"))
    quotes = registry.find("quote")
    if quotes and quotes.spec.allows("create") and not queries.why_no_bids(db.session(), record):
        found.append(Action("Enter quote", quotes.spec.url("create_view", rfq_id=record.id), "receipt"))
    return found
