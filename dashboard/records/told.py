"""Owns telling values that come out of the history, where JSON has made text of dates and numbers."""

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from decimal import Decimal
from typing import Any

from dashboard.records.columns import Column, Kind, Reference
from dashboard.records.pickers import Labels
from dashboard.records.render import DASH, text_of
from dashboard.records.values import ValueInvalidError, parse


def told(column: Column | None, value: Any, labels: Labels, zone: tzinfo) -> str:
    """A stored value as people read it; a column that is no more is told as it is."""
    if value is None or column is None:
        return DASH if value is None else str(value)
    if column.reference and isinstance(value, int):
        return labels.get((column.reference.entity, value), f"#{value}")
    try:
        return text_of(column, typed(column, value), zone=zone)
    except ValueInvalidError:
        return str(value)


def typed(column: Column, value: Any) -> Any:
    """A value out of the history as its column holds it. Raises ValueInvalidError."""
    if column.kind is Kind.DOCUMENT:
        return _plain(value)
    if value is None or isinstance(value, bool) or column.kind in {Kind.TEXT, Kind.LONG_TEXT}:
        return value
    return parse(column, str(value))


def _plain(value: Any) -> Any:
    """JSON without exact decimals, as documents are read elsewhere."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value


def references(
    columns: Mapping[str, Column], changes: Iterable[tuple[Any, ...]]
) -> list[tuple[Reference, int]]:
    """The records that changes name."""
    found = []
    for key, *values in changes:
        column = columns.get(key)
        if column and column.reference:
            found += [(column.reference, value) for value in values if isinstance(value, int)]
    return found
