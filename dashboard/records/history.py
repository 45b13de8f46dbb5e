"""Owns the timeline of a record: its changes and those of its rows, and what other features add to it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import groupby
from typing import Any

from flask import Flask, current_app
from markupsafe import Markup
from sqlalchemy.orm import Session

from dashboard.records import pickers, recorded
from dashboard.records.columns import Column, humanize
from dashboard.records.recorded import Recorded
from dashboard.records.spec import Spec
from dashboard.records.told import references, told

EXTENSION = "steward_timeline"
PAGE = 25
RAW = 250
SHOWN_PARTS = 12
CHANGES = "change"


@dataclass(frozen=True)
class Part:
    """What happened to one row in a change: its name ('' for the record itself), the verb, its values."""

    history_id: int
    subject: str
    verb: str
    changes: list[tuple[str, str, str, str]]
    """Column, its label, old and new."""
    is_update: bool


@dataclass(frozen=True)
class Entry:
    """One entry of a timeline. `tools` is markup that the source offers beside it."""

    kind: str
    at: datetime
    actor: str
    verb: str
    text: str = ""
    title: str = ""
    url: str = ""
    status: str = ""
    parts: tuple[Part, ...] = ()
    more: int = 0
    last_id: int = 0
    origin: str = ""
    request_id: str = ""
    tools: Markup | str = ""


Read = Callable[[Session, Spec, Any, datetime | None, int], Iterable[Entry]]


@dataclass(frozen=True)
class Source:
    """A kind of entry: its word for the filter, its icon, and how the newest before a moment are read."""

    kind: str
    title: str
    icon: str
    read: Read


@dataclass(frozen=True)
class Timeline:
    """A page of entries, the newest first; `older` leads to the next one."""

    entries: list[Entry]
    older: datetime | None


def add_source(app: Flask, source: Source) -> None:
    """Let a feature add its entries to the timeline of records."""
    app.extensions.setdefault(EXTENSION, []).append(source)


def sources() -> list[Source]:
    """Every kind of entry."""
    added: list[Source] = current_app.extensions.get(EXTENSION, [])
    return [Source(CHANGES, "Changes", "edit", _no_entries), *added]


def _no_entries(*_arguments: Any) -> list[Entry]:
    return []


def read(
    session: Session,
    spec: Spec,
    record: Any,
    zone: tzinfo,
    *,
    kind: str = "",
    before: datetime | None = None,
    limit: int = PAGE,
) -> Timeline:
    """Read a page of the timeline, all kinds or one; entries of one instant stay together."""
    found: list[Entry] = []
    for source in sources():
        if kind in {"", source.kind}:
            found += source.read(session, spec, record, before, limit + 1)
    if kind in {"", CHANGES}:
        found += _changes(session, spec, record, zone, before, limit + 1)
    found.sort(key=lambda entry: entry.at, reverse=True)
    last = found[limit - 1].at if len(found) > limit else None
    shown = [entry for place, entry in enumerate(found) if place < limit or entry.at == last]
    return Timeline(shown, last if len(found) > len(shown) else None)


def _changes(
    session: Session, spec: Spec, record: Any, zone: tzinfo, before: datetime | None, limit: int
) -> list[Entry]:
    rows = recorded.rows_of(session, spec, record.id)
    found = recorded.read(session, rows, before=before, limit=RAW)
    groups = [list(group) for _, group in groupby(found, key=_save)]
    if len(found) == RAW and len(groups) > 1:
        groups.pop()  # perhaps cut in two; the next page has all of it
    groups = groups[:limit]
    columns = {spec.entity: spec.columns} | {child.entity: child.columns for child in spec.children}
    wanted = []
    for change in (change for group in groups for change in group):
        wanted += references(columns[change.table], change.changes)
    labels = pickers.read_labels(session, wanted)
    return [_entry(spec, group, labels, zone) for group in groups]


def _save(change: Recorded) -> tuple[int, str, str]:
    """What the changes of one save have in common."""
    return change.transaction_id, change.request_id, change.actor


def _entry(spec: Spec, group: list[Recorded], labels: pickers.Labels, zone: tzinfo) -> Entry:
    """One save: the record itself first, then its rows in the order they were written."""
    newest, ordered = group[0], sorted(group, key=lambda change: (change.table != spec.entity, change.id))
    own = [change.verb for change in ordered if change.table == spec.entity]
    parts = tuple(_part(spec, change, labels, zone) for change in ordered[:SHOWN_PARTS])
    return Entry(
        CHANGES,
        min(change.at for change in group),
        newest.actor,
        own[0] if own else "changed",
        parts=parts,
        more=len(group) - len(parts),
        last_id=newest.id,
        origin=newest.origin,
        request_id=newest.request_id,
    )


def _part(spec: Spec, change: Recorded, labels: pickers.Labels, zone: tzinfo) -> Part:
    child = next((child for child in spec.children if child.entity == change.table), None)
    columns = child.columns if child and change.table != spec.entity else spec.columns
    hidden = {child.declared.key, "org_id"} if child else set()
    changes = [
        (key, label_of(columns.get(key), key), told(columns.get(key), old, labels, zone), new_text)
        for key, old, new in change.changes
        if key not in hidden
        for new_text in [told(columns.get(key), new, labels, zone)]
    ]
    subject = f"{child.singular} #{change.record_id}" if child and change.table != spec.entity else ""
    return Part(change.id, subject, change.verb, changes, change.operation == "U")


def label_of(column: Column | None, key: str) -> str:
    """What a column is called, also one that is no more."""
    return column.label if column else humanize(key)
