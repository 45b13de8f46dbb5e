"""Owns the panel with every filter of a list, and the builder of groups in it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from flask import render_template, request
from flask.typing import ResponseReturnValue

from dashboard.core.db import db
from dashboard.records import chips, pickers, registry
from dashboard.records import state as states
from dashboard.records.columns import RANGES, Column, Kind
from dashboard.records.filters import WORDS, Filter, operators
from dashboard.records.groups import Group, usual_mode
from dashboard.records.spec import Spec

NO_VALUE = frozenset({"empty", "filled"})


@dataclass(frozen=True)
class Control:
    """One filter of the panel: its kind of input and what it holds."""

    column: Column
    input: str
    values: dict[str, tuple[str, ...]]
    options: list[tuple[str, str, bool]]
    url: str = ""


@dataclass(frozen=True)
class Condition:
    """One line of the builder: a column, how it is compared, and with what."""

    control: Control
    operator: str
    operators: list[tuple[str, str]]
    value: str = ""


@dataclass(frozen=True)
class Box:
    """A group as the builder shows it."""

    name: str
    mode: str
    conditions: list[Condition]
    boxes: list["Box"]


def show(spec: Spec) -> ResponseReturnValue:
    """Show the panel with a control for every filter, filled with those that are active."""
    state = states.read(spec, request.args)
    labels = pickers.read_labels(db.session(), chips.references(state.every_filter))
    active = {filter_.param: filter_ for filter_ in state.filters}
    lines = {key: _line(spec.columns[key], None, labels) for key in spec.filter_keys}
    return render_template(
        "records/filters.html",
        spec=spec,
        state=state,
        controls=[_control(spec.columns[key], active, labels) for key in spec.filter_keys],
        box=_box(state.groups or Group((), usual_mode(())), labels),
        lines=lines,
        partial="HX-Request" in request.headers,
    )


def _box(group: Group, labels: pickers.Labels) -> Box:
    lines = [_line(filter_.column, filter_, labels) for filter_ in group.filters]
    return Box(group.name, group.mode, lines, [_box(inner, labels) for inner in group.groups])


def _line(column: Column, filter_: Filter | None, labels: pickers.Labels) -> Condition:
    """A condition in a group; several values of one condition are chosen in one list."""
    many = column.reference is not None or column.kind is Kind.CHOICE
    known = [name for name in operators(column) if name != ("eq" if many else "in")]
    operator = filter_.operator if filter_ else known[0]
    if many and operator == "eq":
        operator = "in"
    if operator not in known:  # a list of texts that came by address
        known.append(operator)
    plain = {column.key: replace(filter_, prefix="")} if filter_ else {}
    words = [(name, WORDS[name]) for name in known]
    value = filter_.raw[0] if filter_ and operator not in NO_VALUE else ""
    return Condition(_control(column, plain, labels), operator, words, value)


def _control(column: Column, active: Mapping[str, Filter], labels: pickers.Labels) -> Control:
    values: dict[str, tuple[str, ...]] = {}
    for operator in ("eq", "in", "contains", "from", "to", "empty", "filled"):
        found = active.get(column.key if operator == "eq" else f"{column.key}__{operator}")
        values[operator] = found.raw if found else ()
    chosen = (*values["eq"], *values["in"])
    if column.reference:
        screen = registry.find(column.reference.entity)
        entity = column.reference.entity
        options = [
            (value, labels.get((entity, int(value)), f"#{value}"), True)
            for value in chosen
            if value.isdecimal() and len(value) < 19
        ]
        return Control(column, "picker", values, options, screen.spec.url("lookup_view") if screen else "")
    if column.kind is Kind.CHOICE:
        options = [(value, label, value in chosen) for value, label in column.choices]
        return Control(column, "choice", values, options)
    if column.kind is Kind.BOOLEAN:
        return Control(column, "yesno", values, [])
    if column.kind is Kind.DOCUMENT:
        return Control(column, "empty", values, [])
    return Control(column, "range" if column.kind in RANGES else "text", values, [])
