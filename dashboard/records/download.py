"""Owns the files of a list: CSV and XLSX of all matching rows or of those chosen."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from flask import Response, g, request, stream_with_context

from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError
from dashboard.core.filters import viewer_zone
from dashboard.records import export, saved_views, view_page, xlsx
from dashboard.records import state as states
from dashboard.records.spec import Spec
from dashboard.records.state import ListState, Looks

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def whole_list(spec: Spec, form: str) -> Response:
    """All matching rows as `csv` or `xlsx`, with the columns the person sees."""
    session = db.session()
    looks = Looks() if request.args.get("cols") else saved_views.read(session, spec, view_page.owner()).looks
    session.rollback()  # a long download has a transaction of its own; this one would wait for its end
    state = states.read(spec, request.args, looks)
    if state.errors:
        raise InvalidInputError(" ".join(state.errors), fix="Correct the filter and export again.")
    return rows(spec, state, form)


def rows(spec: Spec, state: ListState, form: str, ids: tuple[int, ...] | None = None) -> Response:
    """A list as a file; only the rows in `ids` where they are given."""
    make: Any = xlsx.query if form == "xlsx" else export.query
    query = make(spec, state, viewer_zone()) if form == "xlsx" else make(spec, state)
    if ids is not None:
        query = query.where(spec.table.c.id.in_(ids))
    if form == "xlsx":
        heads = xlsx.heads(spec, state)
        return _answer(spec, xlsx.stream(db.session(), query, heads, spec.title), form, XLSX)
    return _answer(spec, export.stream(db.session(), query), form, "text/csv")


def _answer(spec: Spec, pieces: Iterator[bytes], form: str, mimetype: str) -> Response:
    """A download named after entity, tenant and day. The first piece is read before the answer begins."""
    first = next(pieces, b"")
    name = f"{spec.entity}-{g.tenant.slug}-{datetime.now(UTC):%Y-%m-%d}.{form}"
    response = Response(stream_with_context(chain([first], pieces)), mimetype=mimetype)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
