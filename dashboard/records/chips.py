"""Owns the chips above a list: what narrows it, in words, each with the address of the list without it."""

from collections.abc import Iterable

from dashboard.core.db import db
from dashboard.records import pickers
from dashboard.records.columns import Reference
from dashboard.records.filters import Filter
from dashboard.records.groups import names_of
from dashboard.records.state import ListState

SHOWN = 3


def read(state: ListState) -> list[tuple[str, str]]:
    """Chips with the addresses that take them away; groups that must all hold are a chip each."""
    wanted = references(state.every_filter, SHOWN)
    labels = pickers.read_labels(db.session(), wanted)
    names = {(entity, str(row_id)): label for (entity, row_id), label in labels.items()}
    found = [(f"Search: {state.q}", state.query(q=None))] if state.q else []
    found += [(filter_.words(names_of(filter_, names)), state.without(filter_)) for filter_ in state.filters]
    root = state.groups
    if root and root.mode == "all":
        found += [(one.words(names_of(one, names)), state.without(one)) for one in root.filters]
        found += [(one.words(names), state.without(one)) for one in root.groups]
    elif root and (root.filters or root.groups):
        found.append((root.words(names), state.without(root)))
    return [*found, ("Deleted rows", state.query(deleted=None))] if state.deleted else found


def references(filters: Iterable[Filter], at_most: int | None = None) -> list[tuple[Reference, int]]:
    """What filters refer to, to be named."""
    found: list[tuple[Reference, int]] = []
    for filter_ in filters:
        reference = filter_.column.reference
        if reference and not filter_.error and filter_.operator in {"eq", "in"}:
            found += [(reference, int(value)) for value in filter_.raw[:at_most]]
    return found
