"""The start pages: of a tenant where the person has one, else of the desks that need none."""

from collections.abc import Sequence

from flask import Blueprint, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import OperationalError

from dashboard.core.people import current_user
from dashboard.core.web import can, requires
from dashboard.health.cards import list_cards
from dashboard.home import worklist
from dashboard.home.queries import Tile, waiting_in_tenant

pages = Blueprint("home", __name__)


@pages.get("/")
@requires("self.account.edit")
def index() -> ResponseReturnValue:
    """Lead to the tenant last worked in; who works in none sees the desks they may open."""
    if g.tenant and (can("records.rfq.view") or can("insights.overview.view")):
        return redirect(url_for("home.tenant"))
    return _page(_database_tiles())


@pages.get("/t/<tenant>/")
@requires("self.account.edit")
def tenant() -> ResponseReturnValue:
    """What waits in this tenant, then what the other desks say."""
    try:
        tiles = waiting_in_tenant(g.tenant.name)
        sections = worklist.read(current_user.email)
    except OperationalError:  # the other desks need no ERP database
        return _page(_database_tiles(), notice=f"The database of {g.tenant.name} does not answer.")
    if can("insights.overview.view"):
        address, text = url_for("insights.index"), "Spend, cycle time, quotes, stock"
        tiles.append(Tile("Insights", "Charts", text, address, "chart-bar", g.tenant.name))
    return _page([*tiles, *_database_tiles()], sections)


def _database_tiles() -> list[Tile]:
    return [
        Tile(
            card.title, card.headline, card.text, url_for(card.endpoint), "database", "Database", card.status
        )
        for card in list_cards()
    ]


def _page(cards: list[Tile], sections: Sequence[worklist.Section] | None = None, notice: str = "") -> str:
    """`sections` is None where no tenant is shown."""
    greeting = f"Good to see you, {current_user.name}"
    return render_template(
        "home/index.html", cards=cards, sections=sections, greeting=greeting, notice_text=notice
    )
