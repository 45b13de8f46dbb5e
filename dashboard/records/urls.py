"""Owns the addresses other pages use to lead to records: a list with filters, one record."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from flask import url_for

Values = str | int | Iterable[str | int]


def endpoint(entity: str) -> str:
    """Name of the blueprint of an entity (its table's name)."""
    return f"records_{entity}"


def list_url(entity: str, filters: Mapping[str, Values] | None = None) -> str:
    """Address of a list; filters: `{"status": "awarded", "created_at__from": "2026-01-01"}`."""
    pairs: list[tuple[str, str]] = []
    for name, value in (filters or {}).items():
        values = [value] if isinstance(value, str | int) else value
        pairs += [(name, str(item)) for item in values]
    address = url_for(f"{endpoint(entity)}.index_view")
    return f"{address}?{urlencode(pairs)}" if pairs else address


def record_url(entity: str, record_id: int) -> str:
    """Address of one record's page."""
    return url_for(f"{endpoint(entity)}.details_view", id=record_id)
