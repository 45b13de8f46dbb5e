"""Owns what happens when two people change one record: the three versions side by side, and the merge."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from dashboard.records.children import ChildRows
from dashboard.records.forms import YES, RecordForm, raw_values
from dashboard.records.pickers import Labels
from dashboard.records.render import DASH
from dashboard.records.spec import Spec

MINE, THEIRS = "mine", "theirs"


@dataclass(frozen=True)
class Difference:
    """One field that both changed: what it was, what I typed, what is stored now, as people read it."""

    key: str
    label: str
    base: str
    mine: str
    theirs: str


def read_base(data: Mapping[str, str]) -> dict[str, str]:
    """What the person saw when the form was opened. It only ever affects their own page."""
    try:
        base = json.loads(data.get("base", "") or "{}")
    except (ValueError, RecursionError):
        return {}
    return {str(key): str(value) for key, value in base.items()} if isinstance(base, dict) else {}


def dump_base(form: RecordForm, rows: Iterable[ChildRows]) -> str:
    """The stored values and rows as the form shows them."""
    seen = {rows_key(group.spec.entity): json.dumps(group.signature()) for group in rows}
    return json.dumps(raw_values(form) | seen, ensure_ascii=False)


def rows_key(entity: str) -> str:
    """Where the base keeps which child rows were seen; no column has such a name."""
    return f"rows:{entity}"


def changed_rows(data: Mapping[str, str], stored: Iterable[ChildRows]) -> list[ChildRows]:
    """The groups of child rows that are not as the person saw them."""
    base = read_base(data)
    return [rows for rows in stored if base.get(rows_key(rows.spec.entity)) != json.dumps(rows.signature())]


def settle(data: MultiDict[str, str], theirs: RecordForm) -> MultiDict[str, str]:
    """What is typed, with the person's choices and everything only the other one changed taken over."""
    base, stored = read_base(data), raw_values(theirs)
    merged = MultiDict(data)
    for key, now in stored.items():
        mine = normal(data.get(key, ""))
        untouched = key in base and mine == normal(base[key])
        if data.get(f"resolve-{key}") == THEIRS or (untouched and f"resolve-{key}" not in data):
            _put(merged, key, now)
    return merged


def _put(data: MultiDict[str, str], key: str, value: str) -> None:
    """Set a field; an empty one is removed, as a browser leaves out an unchecked box."""
    if value:
        data[key] = value
    else:
        data.pop(key, None)
        data.setlist(key, [""])


def normal(text: str) -> str:
    """Text as compared: line ends of one kind, no blanks around."""
    return text.replace("\r\n", "\n").strip()


def differences(
    spec: Spec, data: MultiDict[str, str], theirs: RecordForm, labels: Labels
) -> list[Difference]:
    """Fields where what I typed and what is stored now both differ from what I saw."""
    base, stored = read_base(data), raw_values(theirs)
    found = []
    for key, now in stored.items():
        mine, was = normal(data.get(key, "")), normal(base.get(key, ""))
        if mine not in (normal(now), was) and normal(now) != was:
            shown = [_words(spec, key, value, labels) for value in (was, mine, now)]
            found.append(Difference(key, spec.columns[key].label, *shown))
    return found


def taken_over(spec: Spec, data: MultiDict[str, str], theirs: RecordForm, labels: Labels) -> list[Difference]:
    """Fields only the other person changed: they stay as stored."""
    base, stored = read_base(data), raw_values(theirs)
    found = []
    for key, now in stored.items():
        was = normal(base.get(key, ""))
        if key in base and normal(data.get(key, "")) == was and normal(now) != was:
            shown = [_words(spec, key, value, labels) for value in (was, was, now)]
            found.append(Difference(key, spec.columns[key].label, *shown))
    return found


def _words(spec: Spec, key: str, raw: str, labels: Labels) -> str:
    """A raw value as people read it."""
    column = spec.columns[key]
    if column.reference and raw.isdecimal():
        return labels.get((column.reference.entity, int(raw)), f"#{raw}")
    if column.choices and raw:
        return column.choice_label(raw)
    if column.kind == "boolean":
        return "Yes" if raw == YES else "No"
    return raw or DASH


def wanted_labels(spec: Spec, *sources: Mapping[str, str]) -> list[tuple[Any, int]]:
    """The references whose labels the comparison needs."""
    return [
        (column.reference, int(raw))
        for source in sources
        for key, raw in source.items()
        if (column := spec.columns.get(key)) and column.reference and raw.isdecimal() and len(raw) < 19
    ]
