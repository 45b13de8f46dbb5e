"""The palette's answer and the page of results; both show only what the person may view."""

from time import perf_counter

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.core.db import db
from dashboard.core.web import requires
from dashboard.search import commands, queries, results, sources

pages = Blueprint("search", __name__)
IN_PALETTE, ON_PAGE = 5, 25


@pages.get("/search/palette")
@requires("self.account.edit")
def anywhere() -> ResponseReturnValue:
    """Commands alone: for people who work in no tenant."""
    wanted = queries.read(request.args.get("q", ""))
    return render_template(
        "search/_palette.html", wanted=wanted, groups=[], commands=commands.matching(wanted.words)
    )


@pages.get("/t/<tenant>/records/search/palette")
@requires("self.account.edit")
def palette() -> ResponseReturnValue:
    """What the palette lists for what is typed: the best few of each entity, then commands."""
    wanted = queries.read(request.args.get("q", ""))
    groups = _find(wanted, IN_PALETTE)
    return render_template(
        "search/_palette.html", wanted=wanted, groups=groups, commands=commands.matching(wanted.words)
    )


@pages.get("/t/<tenant>/records/search")
@requires("self.account.edit")
def index() -> ResponseReturnValue:
    """All groups on a page of its own: works without JavaScript and can be linked to."""
    wanted = queries.read(request.args.get("q", ""))
    start = perf_counter()
    groups = _find(wanted, ON_PAGE)
    seconds = perf_counter() - start
    found = commands.matching(wanted.words) if wanted.words else []
    return render_template(
        "search/index.html", wanted=wanted, groups=groups, commands=found, seconds=seconds, tenant=g.tenant
    )


def _find(wanted: queries.Wanted, limit: int) -> list[results.Group]:
    hits = queries.find(db.session(), sources.visible(), wanted, limit)
    return results.arrange(hits, wanted, limit)
