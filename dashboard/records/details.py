"""Owns the page of one record: its values, its child rows, what refers to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from sqlalchemy.orm import Session

from dashboard.records import children, pickers, registry
from dashboard.records.columns import Column, Kind, Reference
from dashboard.records.render import text_of
from dashboard.records.spec import BOOKKEEPING, ChildSpec, Spec


@dataclass(frozen=True)
class Value:
    """One shown value; `url` leads to the record it names, `status` asks for a badge."""

    key: str
    label: str
    text: str
    url: str = ""
    status: str = ""
    long: bool = False


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
        tables=[_table(child, records, labels, zone) for child, records in rows],
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
    return values, [_table(child, records, labels, zone) for child, records in rows]


def _table(child: ChildSpec, records: list[Any], labels: pickers.Labels, zone: tzinfo) -> ChildTable:
    return ChildTable(
        child, [[_value(column, row, labels, zone) for column in child.shown] for row in records]
    )


def title_of(spec: Spec, record: Any) -> str:
    """What people call the record."""
    label = getattr(record, spec.label, None)
    return str(label) if label not in (None, "") else f"{spec.singular} #{record.id}"


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
    return Value(column.key, column.label, text, status=status, long=long)


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
