"""Owns what files can be imported into: every list that takes new records, and the rows inside them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from dashboard.changes.effects import is_derived
from dashboard.core.db import TenantModel
from dashboard.core.errors import ForbiddenError, NotFoundError
from dashboard.core.web import can
from dashboard.records import registry
from dashboard.records.columns import Column, Kind, Reference, describe, humanize, in_sentence
from dashboard.records.screen import Screen
from dashboard.records.spec import BOOKKEEPING, Spec

# Prices of sealed requests must lie nowhere but in their safe: a stored file would keep them readable.
NEVER = frozenset({"quote_line", "quote", "message", "stock_balance", "kpi_value"})
# Rows that have no list of their own and stand in no form.
PARTS = {"supplier_product": "supplier", "supplier_certificate": "supplier"}
NOT_GIVEN = frozenset({*BOOKKEEPING, "number", "award_id", "custom_fields"})


@dataclass(frozen=True, eq=False)
class Target:
    """An entity that rows can be imported into. `parent_key` is set for rows that live inside a parent."""

    entity: str
    title: str
    singular: str
    model: type[Any]
    columns: dict[str, Column]
    all_columns: dict[str, Column]
    screen: Screen
    parent_key: str = ""

    @property
    def spec(self) -> Spec:
        """The screen of the entity, or of the parent its rows live in."""
        return self.screen.spec

    @property
    def noun(self) -> str:
        """The singular within a sentence."""
        return in_sentence(self.singular)

    @property
    def nouns(self) -> str:
        """The plural within a sentence."""
        return in_sentence(self.title)

    @property
    def table(self) -> sa.Table:
        """The table rows go to."""
        table: sa.Table = self.model.__table__
        return table

    @property
    def scoped(self) -> bool:
        """Whether rows belong to an organization."""
        return "org_id" in self.all_columns

    def allows(self, action: str) -> bool:
        """Whether this person may create or edit such rows; rows of a parent need its edit."""
        return can(f"records.{self.entity}.{action}") and self.spec.allows(
            "edit" if self.parent_key else action
        )

    def required(self, key: str) -> bool:
        """Whether the database takes no row without a value."""
        column = self.all_columns[key].column
        return not column.nullable and column.server_default is None


def targets() -> dict[str, Target]:
    """Every entity that takes imported rows, by name."""
    found: dict[str, Target] = {}
    for screen in registry.screens():
        spec = screen.spec
        if spec.entity not in NEVER and spec.switches.get("create", True):
            found[spec.entity] = _own(screen)
        if spec.entity in NEVER or not spec.switches.get("edit", True):
            continue
        for child in spec.children:
            if child.entity not in NEVER:
                keys = (child.declared.key, *child.declared.columns)
                found.setdefault(
                    child.entity, _part(screen, child.model, child.declared.key, child.title, keys)
                )
    return found | _parts(found)


def _parts(found: dict[str, Target]) -> dict[str, Target]:
    models = _models()
    more = {}
    for entity, parent in PARTS.items():
        screen = registry.find(parent)
        if entity in found or screen is None or entity not in models:
            continue
        more[entity] = _part(
            screen, models[entity], f"{parent}_id", "", models[entity].__table__.columns.keys()
        )
    return more


def _models() -> dict[str, type[Any]]:
    return {str(mapper.local_table.name): mapper.class_ for mapper in TenantModel.registry.mappers}  # type: ignore[attr-defined]


def _own(screen: Screen) -> Target:
    spec = screen.spec
    keys = [*spec.form_keys, *(key for key in ("org_id", "external_key") if key in spec.columns)]
    frozen = screen.frozen_fields(None)
    columns = _usable(spec.columns, (key for key in keys if key not in frozen))
    return Target(spec.entity, spec.title, spec.singular, spec.model, columns, spec.columns, screen)


def _part(screen: Screen, model: type[Any], key: str, title: str, keys: Iterable[str]) -> Target:
    entity = str(model.__tablename__)
    columns = describe(model.__table__, {}, {})
    if "org_id" in columns and columns["org_id"].reference is None:
        # Rows of a parent have their organization by a key over both; people choose it by name.
        named = Reference(_models()["organization"], "name")
        columns["org_id"] = replace(columns["org_id"], kind=Kind.REFERENCE, reference=named)
    extra = [name for name in ("position", "org_id") if name in columns]
    words = humanize(entity)
    plural = words if title == "Profile" else f"{words}s"
    return Target(entity, plural, words, model, _usable(columns, [key, *keys, *extra]), columns, screen, key)


def _usable(columns: dict[str, Column], keys: Iterable[str]) -> dict[str, Column]:
    found = {key: columns[key] for key in dict.fromkeys(keys) if key in columns and key not in NOT_GIVEN}
    return {
        key: column
        for key, column in found.items()
        if column.kind is not Kind.DOCUMENT and not is_derived(column.column)
    }


def get_target(entity: str) -> Target:
    """Return where rows of an entity go. Raises NotFoundError, ForbiddenError."""
    target = targets().get(entity)
    if target is None:
        raise NotFoundError("Nothing can be imported there.")
    if not target.allows("create"):
        raise ForbiddenError(f"You may not import {target.nouns}: it needs records.{entity}.create.")
    return target


def family(target: Target) -> list[Target]:
    """The entity with the rows that live inside it, or beside it in the same parent."""
    return [other for other in targets().values() if other.spec is target.spec and other.allows("create")]


def keys_of(target: Target) -> list[tuple[str, ...]]:
    """Unique keys that rows can be matched by: columns a file may have."""
    rules = [rule for rule in target.table.constraints if isinstance(rule, sa.UniqueConstraint)]
    found = [
        tuple(part.key for part in index.expressions if isinstance(part, sa.Column))
        for index in sorted(target.table.indexes, key=lambda each: str(each.name))
        if index.unique and all(isinstance(part, sa.Column) for part in index.expressions)
    ]
    found += [
        tuple(column.key for column in rule.columns)
        for rule in sorted(rules, key=lambda each: str(each.name))
    ]
    return [key for key in dict.fromkeys(found) if all(name in target.columns for name in key)]
