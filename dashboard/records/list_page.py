"""Owns the pages of a list: the list itself, its filter panel, its CSV."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import chain

from flask import Response, g, make_response, render_template, request, stream_with_context
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError
from dashboard.core.filters import viewer_zone
from dashboard.records import export as csv
from dashboard.records import extensions, pickers, registry, render
from dashboard.records import state as states
from dashboard.records.columns import RANGES, Column, Kind, Reference
from dashboard.records.listing import Layout
from dashboard.records.paging import Page, read_page
from dashboard.records.render import DASH
from dashboard.records.spec import Spec
from dashboard.records.state import ListState

ONE_YEAR = 31_536_000
DENSITIES = ("comfortable", "compact")


@dataclass(frozen=True)
class Heading:
    """A column's head: its label, the address that sorts by it, and how it is sorted now."""

    key: str
    label: str
    url: str
    direction: str
    numeric: bool


def show(spec: Spec) -> ResponseReturnValue:
    """Show one page of a list; 422 where a filter cannot be read."""
    state = states.read(spec, request.args, request.cookies)
    page = read_page(db.session(), spec, state)
    dense = request.args.get("density", request.cookies.get("density", "")) == "compact"
    html = render_template(
        "records/list.html",
        spec=spec,
        state=state,
        page=page,
        rows=_rows(spec, page, state),
        headings=_headings(spec, state),
        chips=_chips(state),
        links=_links(state, page),
        position=position(page, state),
        dense=dense,
        choosable=_choosable(spec, state),
        kept=state.arguments(),
        page_sizes=states.PAGE_SIZES,
        list_links=extensions.list_links(spec),
    )
    response = make_response(html, HTTPStatus.UNPROCESSABLE_ENTITY if state.errors else HTTPStatus.OK)
    _remember(response, spec, state)
    return response


def _rows(spec: Spec, page: Page, state: ListState) -> Markup:
    base = spec.url("index_view")
    shown: Layout = page.layout
    # Every value was escaped by its cell.
    return Markup(render.render_rows(spec, shown, state.columns, page.rows, base=base, zone=viewer_zone()))  # noqa: S704


def _headings(spec: Spec, state: ListState) -> list[Heading]:
    return [_heading(spec.columns[key], state, sortable=key in spec.sort_keys) for key in state.columns]


def _heading(column: Column, state: ListState, *, sortable: bool) -> Heading:
    sorted_now = column.key == state.sort
    direction = ("descending" if state.descending else "ascending") if sorted_now else ""
    target = f"-{column.key}" if sorted_now and not state.descending else column.key
    numeric = column.kind in {Kind.INTEGER, Kind.DECIMAL}
    return Heading(column.key, column.label, state.query(sort=target) if sortable else "", direction, numeric)


def _chips(state: ListState) -> list[tuple[str, str]]:
    """Active filters as words with the address of the list without each."""
    wanted: list[tuple[Reference, int]] = []
    for filter_ in state.filters:
        if filter_.column.reference and not filter_.error and filter_.operator in {"eq", "in"}:
            wanted += [(filter_.column.reference, int(value)) for value in filter_.raw[:3]]
    labels = pickers.read_labels(db.session(), wanted)
    chips = [(f"Search: {state.q}", state.query(q=None))] if state.q else []
    for filter_ in state.filters:
        reference = filter_.column.reference
        names = {
            str(row_id): label
            for (entity, row_id), label in labels.items()
            if reference and entity == reference.entity
        }
        chips.append((filter_.words(names), state.without(filter_)))
    return [*chips, ("Deleted rows", state.query(deleted=None))] if state.deleted else chips


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


def _remember(response: Response, spec: Spec, state: ListState) -> None:
    """Keep a person's columns and density in cookies; the address carries them when it is shared."""
    if request.args.get("cols"):
        value = "" if request.args["cols"] == "default" else ".".join(state.columns)
        _keep(response, states.cookie_name(spec), value)
    if request.args.get("density") in DENSITIES:
        _keep(response, "density", request.args["density"])


def _keep(response: Response, name: str, value: str) -> None:
    if value:
        response.set_cookie(
            name, value, max_age=ONE_YEAR, httponly=True, samesite="Lax", secure=request.is_secure
        )
    else:
        response.delete_cookie(name)


def filters(spec: Spec) -> ResponseReturnValue:
    """Show the panel with a control for every filter, filled with those that are active."""
    state = states.read(spec, request.args, request.cookies)
    active = {filter_.param: filter_ for filter_ in state.filters}
    wanted: list[tuple[Reference, int]] = []
    for filter_ in state.filters:
        if filter_.column.reference and not filter_.error and filter_.operator in {"eq", "in"}:
            wanted += [(filter_.column.reference, int(value)) for value in filter_.raw]
    labels = pickers.read_labels(db.session(), wanted)
    return render_template(
        "records/filters.html",
        spec=spec,
        state=state,
        controls=[_control(spec.columns[key], active, labels) for key in spec.filter_keys],
        partial="HX-Request" in request.headers,
    )


@dataclass(frozen=True)
class Control:
    """One filter of the panel: its kind of input and what it holds."""

    column: Column
    input: str
    values: dict[str, tuple[str, ...]]
    options: list[tuple[str, str, bool]]
    url: str = ""


def _control(column: Column, active: Mapping[str, object], labels: pickers.Labels) -> Control:
    values: dict[str, tuple[str, ...]] = {}
    for operator in ("eq", "in", "contains", "from", "to", "empty", "filled"):
        found = active.get(column.key if operator == "eq" else f"{column.key}__{operator}")
        values[operator] = getattr(found, "raw", ())
    chosen = (*values["eq"], *values["in"])
    if column.reference:
        screen = registry.find(column.reference.entity)
        entity = column.reference.entity
        options = [
            (value, labels.get((entity, int(value)), f"#{value}"), True)
            for value in chosen
            if value.isdecimal()
        ]
        return Control(column, "picker", values, options, screen.spec.url("lookup_view") if screen else "")
    if column.kind is Kind.CHOICE:
        return Control(
            column, "choice", values, [(value, label, value in chosen) for value, label in column.choices]
        )
    if column.kind is Kind.BOOLEAN:
        return Control(column, "yesno", values, [])
    if column.kind is Kind.DOCUMENT:
        return Control(column, "empty", values, [])
    return Control(column, "range" if column.kind in RANGES else "text", values, [])


def export(spec: Spec) -> Response:
    """Stream all matching rows as CSV."""
    state = states.read(spec, request.args, request.cookies)
    if state.errors:
        raise InvalidInputError(" ".join(state.errors), fix="Correct the filter and export again.")
    return csv_response(spec, csv.query(spec, state))


def csv_response(spec: Spec, query: object) -> Response:
    """A download named after entity, tenant and day. The first piece is read before the answer begins."""
    pieces: Iterator[bytes] = csv.stream(db.session(), query)  # type: ignore[arg-type]
    first = next(pieces, b"")
    name = f"{spec.entity}-{g.tenant.slug}-{datetime.now(UTC):%Y-%m-%d}.csv"
    response = Response(stream_with_context(chain([first], pieces)), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
