"""A card on the page of a quote: its earlier revisions."""

from typing import Any

from flask import Flask, render_template
from markupsafe import Markup

from dashboard.core.db import db
from dashboard.erp.quotes import queries
from dashboard.records.extensions import Panel, add_panels
from dashboard.records.spec import Spec


def init_app(app: Flask) -> None:
    """Add the card."""
    add_panels(app, _panels)


def _panels(spec: Spec, record: Any) -> list[Panel]:
    if spec.entity != "quote":
        return []
    session = db.session()
    revisions = queries.list_revisions(session, record.id)
    if not revisions:
        return []
    asked = {line.id: str(line) for line in queries.list_rfq_lines(session, record.rfq_id)}
    page = render_template("erp/quotes/revisions.html", revisions=revisions, asked=asked)
    return [Panel("revisions", "Earlier revisions", Markup(page), "main", 20)]  # noqa: S704  # our own template
