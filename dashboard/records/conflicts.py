"""Owns what happens when two people change one record: three versions of a field, merged or side by side."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict

from dashboard.records.children import ChildRows
from dashboard.records.columns import Column, Kind
from dashboard.records.forms import YES, RecordForm, raw_values
from dashboard.records.pickers import Labels
from dashboard.records.render import DASH
from dashboard.records.spec import Spec
from dashboard.records.values import ValueInvalidError, parse

MINE, THEIRS = "mine", "theirs"
BaseRows = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Clash:
    """Something both changed, or only the other one: what it was, what I typed, what is stored now.

    `name` is what its choice is called in the form. Without a column the three texts are for people already.
    """

    name: str
    label: str
    column: Column | None
    base: str
    mine: str
    theirs: str


@dataclass(frozen=True)
class Difference:
    """A clash as people read it."""

    key: str
    label: str
    base: str
    mine: str
    theirs: str


@dataclass
class Merge:
    """Typed values with everything only the other person changed taken over; `clashes` wait for a choice."""

    data: MultiDict[str, str]
    clashes: list[Clash] = field(default_factory=list)
    taken: list[Clash] = field(default_factory=list)
    row_news: list[str] = field(default_factory=list)


def read_base(data: Mapping[str, str]) -> dict[str, Any]:
    """What the person saw when the form was opened. It only ever affects their own page."""
    try:
        base = json.loads(data.get("base", "") or "{}")
    except (ValueError, RecursionError):
        return {}
    return base if isinstance(base, dict) else {}


def read_base_rows(base: Mapping[str, Any], entity: str) -> BaseRows:
    """The child rows the person saw, by their id."""
    rows = base.get(rows_key(entity))
    if not isinstance(rows, dict):
        return {}
    return {key: row for key, row in rows.items() if isinstance(row, dict)}


def dump_base(form: RecordForm, rows: Iterable[ChildRows]) -> str:
    """The stored values and rows as the form shows them."""
    seen = {rows_key(group.spec.entity): stored_rows(group) for group in rows}
    return json.dumps(raw_values(form) | seen, ensure_ascii=False)


def stored_rows(group: ChildRows) -> BaseRows:
    """The stored rows of a group as plain text, by id."""
    return {str(row.record.id): raw_values(row.form) for row in group.rows if row.record is not None}


def rows_key(entity: str) -> str:
    """Where the base keeps which child rows were seen; no column has such a name."""
    return f"rows:{entity}"


def settle(spec: Spec, data: MultiDict[str, str], theirs: RecordForm) -> Merge:
    """Merge the record's own fields: mine where I typed, theirs where only they did, a clash where both."""
    base, merge = read_base(data), Merge(MultiDict(data))
    for key, now in raw_values(theirs).items():
        column = spec.columns[key]
        was = str(base.get(key, ""))
        mine = typed_text(column, data, key, was)
        clash = Clash(key, column.label, column, was, mine, now)
        if data.get(f"resolve-{key}") == THEIRS or (
            key in base and same(column, mine, was) and f"resolve-{key}" not in data
        ):
            put(merge.data, key, now)
            merge.taken += [clash] if key in base and not same(column, now, was) else []
        elif not same(column, mine, now) and not (key in base and same(column, now, was)):
            merge.clashes.append(clash)
    return merge


def typed_text(column: Column, data: Mapping[str, str], name: str, was: str) -> str:
    """What is typed in a field; one that was not posted is untouched, but a box that is not ticked is no."""
    return data.get(name, "" if column.kind is Kind.BOOLEAN else was)


def put(data: MultiDict[str, str], key: str, value: str) -> None:
    """Set a field; an empty one is removed, as a browser leaves out an unchecked box."""
    if value:
        data[key] = value
    else:
        data.pop(key, None)
        data.setlist(key, [""])


def normal(text: str) -> str:
    """Text as compared: line ends of one kind, no blanks around."""
    return text.replace("\r\n", "\n").strip()


def same(column: Column, one: str, other: str) -> bool:
    """Whether two texts are the same value of a column: 10 and 10.00, or one JSON in two layouts."""
    one, other = normal(one), normal(other)
    if one == other:
        return True
    if not (one and other) or column.kind in {Kind.TEXT, Kind.LONG_TEXT, Kind.CHOICE}:
        return False
    try:
        if column.kind is Kind.DOCUMENT:
            return bool(json.loads(one) == json.loads(other))
        return bool(parse(column, one) == parse(column, other))
    except (ValueInvalidError, ValueError, RecursionError):
        return False


def in_words(clashes: Iterable[Clash], labels: Labels) -> list[Difference]:
    """Clashes as people read them."""
    return [
        Difference(
            clash.name,
            clash.label,
            *(_words(clash.column, text, labels) for text in (clash.base, clash.mine, clash.theirs)),
        )
        for clash in clashes
    ]


def _words(column: Column | None, raw: str, labels: Labels) -> str:
    """A raw value as people read it."""
    if column is None:
        return raw or DASH
    if column.reference and raw.isdecimal():
        return labels.get((column.reference.entity, int(raw)), f"#{raw}")
    if column.choices and raw:
        return column.choice_label(raw)
    if column.kind is Kind.BOOLEAN:
        return "Yes" if raw == YES else "No"
    return raw or DASH


def wanted_labels(clashes: Iterable[Clash]) -> list[tuple[Any, int]]:
    """The references whose labels the comparison needs."""
    return [
        (clash.column.reference, int(raw))
        for clash in clashes
        if clash.column and clash.column.reference
        for raw in (clash.base, clash.mine, clash.theirs)
        if raw.isdecimal() and len(raw) < 19
    ]
