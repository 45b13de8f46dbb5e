"""Owns what the alert pages share: their blueprint, permissions and tabs."""

from flask import Blueprint, request, url_for

VIEW, EDIT, RUN = "database.alerts.view", "database.alerts.edit", "database.alerts.run"
pages = Blueprint("alerts", __name__)
TABS = (("Alerts", "alerts.page"), ("Silences", "alerts.silences"), ("Deliveries", "alerts.deliveries"))


def tabs() -> list[tuple[str, str, bool]]:
    """Title, address, and whether it is this page."""
    return [(title, url_for(endpoint), request.endpoint == endpoint) for title, endpoint in TABS]
