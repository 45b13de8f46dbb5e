"""The downloads of a page of insights: as PDF, XLSX or CSV, with the filters of its address."""

from collections.abc import Callable
from datetime import tzinfo

from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue

from dashboard.core.db import db
from dashboard.core.errors import ForbiddenError
from dashboard.core.filters import viewer_zone
from dashboard.core.web import can, requires
from dashboard.kpis.out import lines, paper, workbook
from dashboard.kpis.pages.page import Page
from dashboard.kpis.pages.service import PAGES, build
from dashboard.replication import reading

blueprint = Blueprint("insights_out", __name__, url_prefix="/t/<tenant>/insights")
NAMES = f"any({', '.join(PAGES)})"
Writer = Callable[[Page, str, tzinfo], bytes]
FORMATS: dict[str, tuple[str, Writer]] = {
    "pdf": ("application/pdf", paper.page_pdf),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", workbook.page_xlsx),
}


@blueprint.get(f"/<{NAMES}:name>.<any(csv, pdf, xlsx):ending>")
@requires("insights.exports.view")
def download(name: str, ending: str) -> ResponseReturnValue:
    """Send a page as a file; `part` chooses one chart or table of a CSV."""
    if not can(f"insights.{name}.view"):
        raise ForbiddenError("Your roles do not include this page.")
    args = request.args.to_dict()
    part = args.pop("part", "") if ending == "csv" else ""
    page, place = reading.ask(g.tenant, lambda session: build(session, name, args))
    db.session().rollback()  # nothing waits in PostgreSQL while charts are drawn
    if ending == "csv":
        content, kind = lines.page_csv(page, g.tenant.name, viewer_zone(), part), "text/csv; charset=utf-8"
    else:
        kind, write = FORMATS[ending]
        content = write(page, g.tenant.name, viewer_zone())
    stem = "-".join(filter(None, (g.tenant.slug, name, part)))
    headers = {"Content-Disposition": f'attachment; filename="{stem}.{ending}"', reading.HEADER: place.words}
    return Response(content, content_type=kind, headers=headers)
