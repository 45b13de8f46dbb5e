"""Owns which fields can be translated: models say so (`info={"translatable": True}`), nobody lists them."""

import hashlib
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from dashboard.core.db import TenantModel
from dashboard.core.errors import InvalidInputError
from dashboard.records.columns import humanize


@lru_cache(maxsize=1)
def translatable() -> dict[str, tuple[str, ...]]:
    """Entities with the names of their translatable fields."""
    tables = {str(mapper.local_table.name): mapper.local_table for mapper in _mappers()}
    found = {
        name: tuple(column.key for column in table.columns if column.info.get("translatable"))
        for name, table in sorted(tables.items())
    }
    return {name: fields for name, fields in found.items() if fields}


def fields_of(entity: str) -> tuple[str, ...]:
    """The translatable fields of an entity, often none."""
    return translatable().get(entity, ())


def table_of(entity: str) -> sa.Table:
    """The table of an entity with translatable fields. Raises InvalidInputError for any other."""
    for mapper in _mappers():
        if mapper.local_table.name == entity and fields_of(entity):
            table: sa.Table = mapper.local_table
            return table
    raise InvalidInputError("Records of this kind have no texts to translate.")


def demand_field(entity: str, field: str) -> None:
    """Raise InvalidInputError for a field that nobody marked."""
    if field not in fields_of(entity):
        raise InvalidInputError(f"{humanize(field)} is not a text that can be translated.")


def hash_of(text: str | None) -> str:
    """What is kept of an original, to notice that it has changed."""
    return hashlib.sha256((text or "").encode("utf-8", "replace")).hexdigest()


def _mappers() -> list[Any]:
    return list(TenantModel.registry.mappers)
