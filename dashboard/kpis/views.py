"""The pages of insights in the browser, and the boards people save of them."""

from collections.abc import Callable
from decimal import Decimal
from http import HTTPStatus
from itertools import groupby

from flask import Blueprint, Flask, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError, NotFoundError
from dashboard.core.filters import url_if
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.kpis import boards, filters, periods, registry
from dashboard.kpis.boards import Board
from dashboard.kpis.pages import reading as figures
from dashboard.kpis.pages import sparkline
from dashboard.kpis.pages.links import Links
from dashboard.kpis.pages.page import Page
from dashboard.kpis.pages.service import PAGES, build
from dashboard.kpis.registry import KPIS, Kpi
from dashboard.replication import reading

blueprint = Blueprint("insights", __name__, url_prefix="/t/<tenant>/insights")
board_pages = Blueprint("insights_boards", __name__, url_prefix="/t/<tenant>/insights/boards")
BOARDS = "insights.boards.view"
LISTS = {"tiles"}


def register(app: Flask) -> None:
    """Register the wall with the boards, and a blueprint per other page: the menu tells pages apart by it."""
    for name in PAGES:
        if name != "overview":
            app.register_blueprint(_page_of(name))
    app.register_blueprint(blueprint)
    app.register_blueprint(board_pages)


def _page_of(name: str) -> Blueprint:
    made = Blueprint(f"insights_{name}", __name__, url_prefix=f"/t/<tenant>/insights/{name}")
    view: Callable[[], ResponseReturnValue] = requires(f"insights.{name}.view")(lambda: _show(name))
    made.add_url_rule("", "page", view)
    return made


@blueprint.get("/")
@requires("insights.overview.view")
def index() -> ResponseReturnValue:
    """The wall of the most important figures."""
    return _show("overview")


@blueprint.get("/course/<code>")
@requires("insights.overview.view")
def course(code: str) -> ResponseReturnValue:
    """The course of a figure by month, for a tile that came without it."""
    kpi = registry.get(code)
    points, _ = reading.ask(g.tenant, lambda session: _course(session, kpi))
    return render_template("kpis/course.html", lines=sparkline.segments(points))


@board_pages.get("/")
@requires(BOARDS)
def page() -> ResponseReturnValue:
    """All boards a person may open."""
    found = boards.list_boards(db.session(), current_user.email)
    return render_template("kpis/boards.html", boards=found, address=_address, pages=PAGES)


@board_pages.post("/")
@requires("insights.boards.edit")
def save() -> ResponseReturnValue:
    """Keep the page one looks at under a name."""
    shown = request.form.get("page", "")
    if shown not in PAGES:
        raise NotFoundError("There is no such page of insights.")
    kept = boards.save(
        db.session(),
        current_user.email,
        request.form.get("name", ""),
        shown,
        boards.arguments_of(request.form.get("query", "")),
        is_shared=request.form.get("shared") == "1",
    )
    db.session.commit()
    over = ", in place of the one you had under this name" if kept.is_replaced else ""
    flash(f"Board “{kept.name}” is saved{over}.", "success")
    return redirect(_address(kept))


@board_pages.post("/<int(max=9223372036854775807):board_id>")
@requires("insights.boards.edit")
def change(board_id: int) -> ResponseReturnValue:
    """Rename an own board, share it, keep it to oneself again, or delete it."""
    action, session, me = request.form.get("action", ""), db.session(), current_user.email
    if action == "rename":
        name = boards.rename(session, me, board_id, request.form.get("name", ""))
        told = f"The board is called “{name}” now."
    else:
        told = f"Board “{boards.change(session, me, board_id, action)}” {boards.WORDS[action]}."
    session.commit()
    flash(told, "success")
    return redirect(url_for("insights_boards.page"))


@board_pages.get("/<int(max=9223372036854775807):board_id>/delete")
@requires("insights.boards.edit")
def delete(board_id: int) -> ResponseReturnValue:
    """Ask before an own board goes."""
    board = boards.get_own(db.session(), current_user.email, board_id)
    return render_template("kpis/board_delete.html", board=board)


def _show(name: str) -> ResponseReturnValue:
    """Show a page; a period that cannot be read is named, what was typed kept, and the usual one shown."""
    asked, error = _arguments(), ""
    try:
        page, place = _build(name, asked)
    except InvalidInputError as invalid:
        error = invalid.message
        page, place = _build(name, {key: text for key, text in asked.items() if key not in {"from", "to"}})
    values = {
        "page": page,
        "place": place,
        "asked": asked,
        "error": error,
        "kept": {key: text for key, text in asked.items() if key in boards.KEPT and text},
        "active": _chips(page),
        "clear_url": Links().page(name, {}),
        "groups": [(group, list(tiles)) for group, tiles in groupby(page.tiles, key=lambda tile: tile.group)],
        "supplier_lookup": url_if("records_supplier.lookup_view"),
        "boards": boards.list_boards(db.session(), current_user.email),
        "address": _address,
        "choices": periods.CHOICES,
        "compares": periods.COMPARES,
        "kpis": KPIS.values() if name == "overview" else (),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
    return render_template("kpis/page.html", **values), status


def _build(name: str, asked: dict[str, str]) -> tuple[Page, reading.Place]:
    return reading.ask(g.tenant, lambda session: build(session, name, asked, Links()))


def _course(session: Session, kpi: Kpi) -> list[Decimal | None]:
    selection = filters.read(session, _arguments())
    found = figures.read_all(session, [kpi], selection, kpi).get(kpi.code)
    return [point.value for point in found.months] if found else []


def _arguments() -> dict[str, str]:
    """The arguments of the address; what was chosen several times is one argument with commas."""
    args = request.args
    return args.to_dict() | {name: ",".join(args.getlist(name)) for name in LISTS & set(args)}


def _chips(page: Page) -> list[tuple[str, str]]:
    """The filters that narrow the page, each with the address without it."""
    selection, arguments = page.selection, page.selection.arguments
    named = {
        "org": ("Organization", selection.org.name if selection.org else ""),
        "category": ("Category", selection.category.path if selection.category else ""),
        "region": ("Region", selection.region),
        "supplier": ("Supplier", selection.supplier[1] if selection.supplier else ""),
    }
    return [
        (f"{title}: {text}", _without(page.name, arguments, key))
        for key, (title, text) in named.items()
        if text
    ]


def _without(page: str, arguments: dict[str, str], key: str) -> str:
    return Links().page(page, {name: text for name, text in arguments.items() if name != key})


def _address(board: Board) -> str:
    return Links().page(board.page, board.arguments)
