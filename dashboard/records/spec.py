"""Owns a screen's declaration in its compiled form: what every part of the engine reads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from flask import url_for
from sqlalchemy.orm import Session

from dashboard.core.web import can
from dashboard.records.columns import Column, Kind, in_sentence

BOOKKEEPING = ("id", "version", "created_at", "created_by", "updated_at", "updated_by", "deleted_at")


def never_locked(_record: Any) -> str:
    """Nothing forbids an edit."""
    return ""


def nothing_frozen(_record: Any) -> frozenset[str]:
    """Every field of the form can be typed in."""
    return frozenset()


def no_rows(_session: Session, _given: Mapping[str, Any]) -> Mapping[str, Sequence[Any]]:
    """A new form starts without child rows."""
    return {}


@dataclass(frozen=True)
class Children:
    """Child rows edited inside their parent's form: model, its foreign key and the columns shown."""

    model: type[Any]
    key: str
    columns: tuple[str, ...]
    title: str = ""
    order: str = ""
    """Integer column kept as 1, 2, 3 … in the order shown; empty sorts by id."""


@dataclass(frozen=True, eq=False)
class ChildSpec:
    """Compiled `Children`."""

    declared: Children
    entity: str
    title: str
    singular: str
    columns: dict[str, Column]

    @property
    def model(self) -> type[Any]:
        """Class of the child rows."""
        return self.declared.model

    @property
    def shown(self) -> list[Column]:
        """The columns of the inline table, in order."""
        return [self.columns[key] for key in self.declared.columns]


@dataclass(frozen=True, eq=False)
class Spec:
    """One entity's screen, compiled once and shared by all threads: nothing here changes per request."""

    entity: str
    endpoint: str
    title: str
    singular: str
    model: type[Any]
    label: str
    columns: dict[str, Column]
    list_keys: tuple[str, ...]
    search_keys: tuple[str, ...]
    filter_keys: tuple[str, ...]
    default_order: tuple[tuple[str, bool], ...]
    form_sections: tuple[tuple[str, tuple[str, ...]], ...]
    children: tuple[ChildSpec, ...] = ()
    page_size: int = 50
    switches: dict[str, bool] = field(default_factory=dict)
    lock_reason: Callable[[Any], str] = never_locked
    """Why a record can be neither edited nor deleted now; empty: it can."""
    frozen_fields: Callable[[Any], frozenset[str]] = nothing_frozen
    """Form keys and child entities that are shown but not typed in; asked with None for a new record."""
    first_rows: Callable[[Session, Mapping[str, Any]], Mapping[str, Sequence[Any]]] = no_rows
    """Child rows a new form starts with, by their entity."""

    @cached_property
    def table(self) -> sa.Table:
        """The table itself."""
        table: sa.Table = self.model.__table__
        return table

    @cached_property
    def noun(self) -> str:
        """The singular within a sentence: purchase order, RFQ line, KPI value."""
        return in_sentence(self.singular)

    @cached_property
    def nouns(self) -> str:
        """The plural within a sentence: purchase orders, RFQs."""
        return in_sentence(self.title)

    @cached_property
    def soft_delete(self) -> bool:
        """Whether a deleted row stays and can be restored."""
        return "deleted_at" in self.columns

    @cached_property
    def versioned(self) -> bool:
        """Whether a stale save can be noticed."""
        return "version" in self.columns

    @property
    def default_sort(self) -> tuple[str, bool]:
        """The column a list is sorted by at first, and whether downwards."""
        return self.default_order[0]

    @cached_property
    def form_keys(self) -> tuple[str, ...]:
        """Columns of the form, in order."""
        return tuple(key for _, keys in self.form_sections for key in keys)

    @cached_property
    def sort_keys(self) -> frozenset[str]:
        """Columns a list may be sorted by: those that have one order people agree on."""
        return frozenset(key for key, column in self.columns.items() if column.kind is not Kind.DOCUMENT)

    def allows(self, action: str) -> bool:
        """Whether the entity knows the action and this person may do it."""
        return self.switches.get(action, True) and can(f"records.{self.entity}.{action}")

    def url(self, view: str, **values: Any) -> str:
        """Address of one of the screen's pages in the current tenant."""
        return url_for(f"{self.endpoint}.{view}", **values)
