"""Owns the page of a list."""

from dataclasses import dataclass
from http import HTTPStatus

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from dashboard.core.db import db
from dashboard.core.filters import viewer_zone
from dashboard.records import chips, extensions, inline, render, saved_views, totals, view_page
from dashboard.records import state as states
from dashboard.records.columns import Column, Kind
from dashboard.records.listing import Layout
from dashboard.records.paging import Page, read_page
from dashboard.records.render import DASH
from dashboard.records.spec import Spec
from dashboard.records.state import ListState


@dataclass(frozen=True)
class Heading:
    """A column's head: its label, the address that sorts by it, how it is sorted, whether cells open."""

    key: str
    label: str
    url: str
    direction: str
    numeric: bool
    editable: bool


def show(spec: Spec) -> ResponseReturnValue:
    """Show one page of a list; 422 for a bad filter. Without arguments the default view opens."""
    session = db.session()
    views = saved_views.read(session, spec, view_page.owner())
    if views.default and not request.args:
        return redirect(view_page.address(spec, views.default))
    state = states.read(spec, request.args, views.looks)
    page = read_page(session, spec, state)
    active = views.find(state.view)
    html = render_template(
        "records/list.html",
        spec=spec,
        state=state,
        page=page,
        rows=_rows(spec, page, state),
        headings=_headings(spec, state),
        chips=chips.read(state),
        links=_links(state, page),
        position=position(page, state),
        choosable=_choosable(spec, state),
        kept=state.arguments(),
        seen=state.query(cols=",".join(state.columns)),
        page_sizes=states.PAGE_SIZES,
        list_links=extensions.list_links(spec),
        tabs=view_page.tabs(spec, views, state),
        view=active if active and active.owner == views.owner and active.query != state.as_view() else None,
        plain_address=view_page.plain_address(spec, views),
        totals=totals.for_page(session, spec, state, page.total, asked=request.args.get("totals") == "1"),
    )
    return html, HTTPStatus.UNPROCESSABLE_ENTITY if state.errors else HTTPStatus.OK


def _rows(spec: Spec, page: Page, state: ListState) -> Markup:
    base = spec.url("index_view")
    shown: Layout = page.layout
    # Every value was escaped by its cell.
    return Markup(render.render_rows(spec, shown, state.columns, page.rows, base=base, zone=viewer_zone()))  # noqa: S704


def _headings(spec: Spec, state: ListState) -> list[Heading]:
    editable = inline.editable(spec) if spec.allows("edit") and not state.deleted else frozenset()
    columns = [spec.columns[key] for key in state.columns]
    return [
        _heading(column, state, sortable=column.key in spec.sort_keys, editable=column.key in editable)
        for column in columns
    ]


def _heading(column: Column, state: ListState, *, sortable: bool, editable: bool) -> Heading:
    sorted_now = column.key == state.sort
    direction = ("descending" if state.descending else "ascending") if sorted_now else ""
    target = f"-{column.key}" if sorted_now and not state.descending else column.key
    numeric = column.kind in {Kind.INTEGER, Kind.DECIMAL}
    url = state.query(sort=target) if sortable else ""
    return Heading(column.key, column.label, url, direction, numeric, editable)


def _links(state: ListState, page: Page) -> dict[str, str]:
    """Addresses of the pages around this one; marks make each as quick as the first."""
    links = {"first": "", "previous": "", "next": "", "last": ""}
    before = {"before": page.first_mark}
    if page.has_previous:
        links["first"] = state.query()
        previous = page.number - 1
        links["previous"] = state.query(**({"page": previous} if previous > 0 else {}), **before)
        if previous == 1:
            links["previous"] = state.query()
    if page.has_next:
        links["next"] = state.query(page=page.number + 1, after=page.last_mark)
        links["last"] = state.query(page="last")
    return links


def position(page: Page, state: ListState) -> str:
    """Which rows are shown: rows 51 to 100 of 1,240."""
    if not page.rows:
        return "No rows"
    if page.number == 0:
        return f"The last {len(page.rows)} of {page.total}"
    start = (page.number - 1) * state.size
    return f"{start + 1:,}{DASH}{start + len(page.rows):,} of {page.total}"


def _choosable(spec: Spec, state: ListState) -> list[tuple[str, str, bool]]:
    """Columns for the chooser: those shown first, in their order."""
    rest = [key for key in spec.columns if key not in state.columns and key != "version"]
    return [(key, spec.columns[key].label, key in state.columns) for key in (*state.columns, *rest)]
