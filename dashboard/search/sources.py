"""Owns which columns of which entities global search looks into: those with a trigram index."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from dashboard.core.db import TenantModel
from dashboard.records import registry
from dashboard.records.spec import Spec

# Columns that name one record; a search for exactly this value puts the record first.
IDENTIFIERS = frozenset({"number", "code", "sku", "email", "reference", "customer_reference"})
# Long text is searched inside, yet nobody looks for how it begins.
PROSE = frozenset({"body", "description"})
# Tables of a few rows need no index.
SMALL = frozenset({"organization", "unit", "kpi_definition"})
PARTNERS = ("supplier", "customer")


@dataclass(frozen=True, eq=False)
class Source:
    """One table to search. `opens` is the column with the id of the record a hit leads to."""

    entity: str
    table: sa.Table
    label: sa.Column[Any]
    columns: tuple[sa.Column[Any], ...]
    opens: sa.Column[Any]
    live: sa.ColumnElement[bool]
    partner: sa.Column[Any] | None = None
    partner_table: sa.Table | None = None
    key: str = ""
    """Tells two sources of one entity apart."""

    @property
    def identifiers(self) -> list[sa.Column[Any]]:
        """Columns that name one record."""
        return [column for column in self.columns if column.key in IDENTIFIERS]

    @property
    def short(self) -> list[sa.Column[Any]]:
        """Columns whose beginning people type."""
        return [column for column in self.columns if column.key not in PROSE]


def visible() -> list[Source]:
    """The sources of what this person may view, in the order of the menu."""
    specs = [screen.spec for screen in registry.screens() if screen.spec.allows("view")]
    seen = frozenset(spec.entity for spec in specs)
    return [source for spec in specs for source in _sources(spec, seen)]


def indexed(table: sa.Table) -> tuple[sa.Column[Any], ...]:
    """Columns with a trigram index, in the table's order."""
    names = {
        name
        for index in table.indexes
        for name, operators in index.dialect_options["postgresql"]["ops"].items()
        if operators == "gin_trgm_ops"
    }
    return tuple(column for column in table.columns if column.key in names)


@lru_cache(maxsize=1024)
def _sources(spec: Spec, seen: frozenset[str]) -> tuple[Source, ...]:
    """The same objects for the same person's rights: statements are remembered by them."""
    return tuple(_make(spec, seen))


def _make(spec: Spec, seen: frozenset[str]) -> Iterable[Source]:
    columns = indexed(spec.table)
    if not columns and spec.entity in SMALL:
        columns = tuple(spec.columns[key].column for key in spec.search_keys)
    if columns:
        partner = next((spec.table.c.get(f"{name}_id") for name in PARTNERS if _has(spec, name, seen)), None)
        yield Source(
            entity=spec.entity,
            table=spec.table,
            label=spec.columns[spec.label].column,
            columns=columns,
            opens=spec.table.c.id,
            live=_live(spec.table),
            partner=partner,
            partner_table=None if partner is None else _table(partner.key.removesuffix("_id")),
            key=spec.entity,
        )
    if spec.entity == "supplier":
        yield _contacts(spec)


def _contacts(spec: Spec) -> Source:
    """A contact has no page of its own: it leads to its supplier."""
    table = _table("supplier_contact")
    owner = spec.table.alias("owner")
    alive = sa.exists().where(owner.c.id == table.c.supplier_id, owner.c.deleted_at.is_(None))
    return Source(
        entity=spec.entity,
        table=table,
        label=table.c.name,
        columns=indexed(table),
        opens=table.c.supplier_id,
        live=alive,
        partner=table.c.supplier_id,
        partner_table=spec.table,
        key=table.name,
    )


def _has(spec: Spec, partner: str, seen: frozenset[str]) -> bool:
    return partner in seen and f"{partner}_id" in spec.columns


def _table(name: str) -> sa.Table:
    return TenantModel.metadata.tables[name]


def _live(table: sa.Table) -> sa.ColumnElement[bool]:
    return table.c.deleted_at.is_(None) if "deleted_at" in table.c else sa.true()
