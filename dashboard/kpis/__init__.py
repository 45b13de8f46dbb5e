"""Insights: charts that managers read, computed from the tenant's own records."""

from flask import Flask

from dashboard.core.menu import MenuItem, register_menu
from dashboard.kpis import definitions
from dashboard.kpis.mailing import queries as mailings
from dashboard.kpis.mailing import views as mailing
from dashboard.kpis.out import views as out
from dashboard.kpis.pages.service import PAGES
from dashboard.kpis.proof import views as proof_pages
from dashboard.kpis.targets import views as target_pages
from dashboard.kpis.tenants_view import views as across
from dashboard.kpis.versions import views as definition_pages
from dashboard.kpis.views import BOARDS, register

__all__ = ["definitions", "init_app", "proof_pages"]


def init_app(app: Flask) -> None:
    """Register the page and its place in the menu."""
    register(app)
    for extra in (
        out.blueprint,
        mailing.blueprint,
        across.blueprint,
        target_pages.blueprint,
        definition_pages.blueprint,
    ):
        app.register_blueprint(extra)
    register_menu(
        app,
        *(
            MenuItem(
                "insights",
                kind.title,
                kind.endpoint,
                f"insights.{kind.name}.view",
                kind.icon,
                order=10 + place,
            )
            for place, kind in enumerate(PAGES.values())
        ),
        MenuItem("insights", "Boards", "insights_boards.page", BOARDS, "bookmark", order=70),
        MenuItem("insights", "Targets", "insights_targets.page", target_pages.VIEW, "target", order=71),
        MenuItem(
            "insights", "Definitions", "insights_definitions.page", definition_pages.VIEW, "ruler", order=72
        ),
        MenuItem("insights", "All tenants", "insights_tenants.page", across.SEES, "building", order=75),
        MenuItem("insights", "By mail", "insights_mailings.page", mailings.VIEW, "mail", order=80),
    )
