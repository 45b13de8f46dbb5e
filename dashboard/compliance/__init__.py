"""Promises: every clause of the strategy as a live check with evidence, history, owner and report."""

from flask import Flask

from dashboard.compliance import report_views, views
from dashboard.compliance.commands import promises
from dashboard.compliance.registry import import_clauses
from dashboard.core.menu import MenuItem, register_menu
from dashboard.health.cards import register_card


def init_app(app: Flask) -> None:
    """Declare all promises; register pages, menu entry, card and commands."""
    import_clauses()
    app.register_blueprint(views.pages)
    app.register_blueprint(report_views.pages)
    register_card(app, 12, views.card)
    register_menu(app, MenuItem("database", "Promises", "compliance.page", views.VIEW, "checklist", 12))
    app.cli.add_command(promises)
