"""Owns the page of one record: its values, its child rows, what refers to it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from dashboard.core.filters import elsewhere
from dashboard.records import children, pickers, registry
from dashboard.records.columns import Column, Kind, Reference
from dashboard.records.render import digits_of, even_digits, text_of
from dashboard.records.spec import BOOKKEEPING, ChildSpec, Spec


@dataclass(frozen=True)
class Value:
    """One shown value; `url` leads to the record it names, `status` asks for a badge.

    `also` says the same in other words, such as a moment in another zone.
    """

    key: str
    label: str
    text: str
    url: str = ""
    status: str = ""
    long: bool = False
    also: str = ""


@dataclass(frozen=True)
class ChildTable:
    """Child rows as a table."""

    spec: ChildSpec
    rows: list[list[Value]]


@dataclass(frozen=True)
class Details:
    """Everything the page shows."""

    record: Any
    title: str
    values: list[Value]
    traces: list[Value]
    tables: list[ChildTable]
    related: list[tuple[str, str, str]]


def read(session: Session, spec: Spec, record: Any, zone: tzinfo) -> Details:
    """Read the page: one query per child entity, one for all labels."""
    rows = [(child, children.load(session, child, record.id)) for child in spec.children]
    wanted = _references(spec.columns, record)
    for child, records in rows:
        wanted += [pair for row in records for pair in _references(child.columns, row)]
    labels = pickers.read_labels(session, wanted)
    rest = [key for key in spec.columns if key not in BOOKKEEPING and key not in spec.form_keys]
    shown = [*spec.form_keys, *(key for key in rest if getattr(record, key) is not None)]
    return Details(
        record=record,
        title=title_of(spec, record),
        values=[_value(spec.columns[key], record, labels, zone) for key in shown],
        traces=[
            _value(spec.columns[key], record, labels, zone) for key in BOOKKEEPING if key in spec.columns
        ],
        tables=[_table(record, child, records, labels, zone) for child, records in rows],
        related=_related(spec, record),
    )


def read_frozen(
    session: Session, spec: Spec, record: Any, frozen: frozenset[str], zone: tzinfo
) -> tuple[dict[str, Value], list[ChildTable]]:
    """What a form only shows of a stored record: values by key, and tables of child rows."""
    if record is None or not frozen:
        return {}, []
    keys = [key for key in spec.form_keys if key in frozen]
    rows = [
        (child, children.load(session, child, record.id)) for child in spec.children if child.entity in frozen
    ]
    wanted = _references({key: spec.columns[key] for key in keys}, record)
    wanted += [pair for child, records in rows for row in records for pair in _references(child.columns, row)]
    labels = pickers.read_labels(session, wanted)
    values = {key: _value(spec.columns[key], record, labels, zone) for key in keys}
    return values, [_table(record, child, records, labels, zone) for child, records in rows]


def _table(
    parent: Any, child: ChildSpec, records: list[Any], labels: pickers.Labels, zone: tzinfo
) -> ChildTable:
    digits = {column.key: _digits(column, parent, records) for column in child.shown}
    rows = [
        [_evenly(_value(column, row, labels, zone), row, digits[column.key]) for column in child.shown]
        for row in records
    ]
    return ChildTable(child, rows)


def _digits(column: Column, parent: Any, records: list[Any]) -> int | None:
    """Decimals that all rows show of a number, so that they can be compared; None: as each comes."""
    if column.kind is not Kind.DECIMAL or column.currency:
        return None
    currency = getattr(parent, "currency", "")
    least = (digits_of(currency) if currency else 2) if column.is_amount else 0
    return even_digits((getattr(row, column.key) for row in records), least)


def _evenly(value: Value, row: Any, digits: int | None) -> Value:
    number = getattr(row, value.key)
    if digits is None or not isinstance(number, Decimal):
        return value
    return replace(value, text=f"{number:,.{digits}f}")


def title_of(spec: Spec, record: Any) -> str:
    """What people call the record."""
    label = getattr(record, spec.label, None)
    if label not in (None, ""):
        return str(label)
    kind: Any = type(record)
    words = "" if kind.__str__ is object.__str__ else str(record)
    return words or f"{spec.singular} #{record.id}"


def about(spec: Spec, record: Any) -> str:
    """The record within a sentence: supplier Alder Forge, quote of Alder Forge for RFQ-2026-00078."""
    title = title_of(spec, record)
    kind = f"{spec.singular} "
    return f"{spec.noun} {title.removeprefix(kind)}"


def _references(columns: Mapping[str, Column], record: Any) -> list[tuple[Reference, int]]:
    pairs = [(column.reference, getattr(record, key)) for key, column in columns.items() if column.reference]
    return [(reference, value) for reference, value in pairs if reference and value is not None]


def _value(column: Column, record: Any, labels: pickers.Labels, zone: tzinfo) -> Value:
    value = getattr(record, column.key)
    if column.reference and value is not None:
        text = labels.get((column.reference.entity, value), f"#{value}")
        screen = registry.find(column.reference.entity)
        url = screen.spec.url("details_view", id=value) if screen and screen.spec.allows("view") else ""
        return Value(column.key, column.label, text, url)
    currency = getattr(record, column.currency, "") if column.currency else ""
    text = text_of(column, value, currency or "", zone)
    status = str(value) if column.kind is Kind.CHOICE and value else ""
    long = column.kind in {Kind.LONG_TEXT, Kind.DOCUMENT} and len(text) > 60
    also = _also(column, record, value, zone)
    if also:
        text = f"{text} {getattr(zone, 'key', 'UTC')}"
    return Value(column.key, column.label, text, status=status, long=long, also=also)


def _also(column: Column, record: Any, value: Any, zone: tzinfo) -> str:
    """A moment that holds in another zone than the viewer's, as it is there."""
    place = getattr(record, column.column.info.get("in_zone_of", ""), None)
    return elsewhere(value, zone, place.time_zone) if place and isinstance(value, datetime) else ""


def _related(spec: Spec, record: Any) -> list[tuple[str, str, str]]:
    """Lists of other entities narrowed to this record: title, address, icon."""
    found = []
    for screen in registry.screens():
        if not screen.in_menu or not screen.spec.allows("view"):
            continue
        for column in screen.spec.columns.values():
            if column.reference and column.reference.entity == spec.entity and column.key != "org_id":
                address = f"{screen.spec.url('index_view')}?{column.key}={record.id}"
                found.append((screen.spec.title, address, screen.icon))
    return found
