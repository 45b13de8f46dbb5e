"""Owns turning a file's rows into staged rows: read, resolved, and copied into `import_row`."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from dashboard.core.errors import InvalidInputError
from dashboard.imports import reading, references
from dashboard.imports.cells import Rule
from dashboard.imports.reading import Format
from dashboard.imports.targets import Target
from dashboard.records.values import ValueInvalidError

COPY = "COPY import_row (run_id, line, outcome, cells, detail) FROM STDIN"
EVERY = 2000
Say = Callable[[int], None]


@dataclass
class Plan:
    """How a file goes into an entity; `fixed` are values that all rows get where the file has none."""

    run_id: int
    target: Target
    path: Path
    style: Format
    rules: list[Rule]
    headings: Sequence[str]
    fixed: dict[str, Any] = field(default_factory=dict)
    found: dict[tuple[str, int | None], references.Found] = field(default_factory=dict)

    @property
    def keys(self) -> list[str]:
        """Columns of the entity that the rows give."""
        return list(dict.fromkeys([*(rule.column.key for rule in self.rules), *self.fixed]))

    @property
    def reasons(self) -> frozenset[int]:
        """Positions of the file's columns that only say why rows were refused before."""
        return frozenset(index for index, name in enumerate(self.headings) if name == reading.REASON)


def fix_values(session: Session, plan: Plan, typed: Mapping[str, str]) -> None:
    """Read the values for all rows as people typed them. Raises InvalidInputError."""
    order = sorted(typed, key=lambda key: key != "org_id")
    for key in order:
        column = plan.target.columns[key]
        rule = Rule(-1, column, plan.style)
        try:
            value = rule.read(typed[key])
        except ValueInvalidError as error:
            raise InvalidInputError(f"{column.label}: {error}") from None
        if column.reference:
            value = references.resolve(session, column, [typed[key]], plan.fixed.get("org_id"))[typed[key]]
            if isinstance(value, str):
                raise InvalidInputError(f"{column.label}: {value}")
        plan.fixed[key] = value


def stage(session: Session, plan: Plan, say: Say) -> None:
    """Copy all rows of the file into `import_row`. Raises FileInvalidError where it breaks off."""
    _resolve(session, plan)
    connection: Any = session.connection().connection.driver_connection
    with connection.cursor() as cursor:
        cursor.copy_expert(COPY, _Stream(_lines(plan, say)), size=1 << 16)


def _body(plan: Plan) -> Iterator[tuple[int, list[str]]]:
    rows = reading.rows(plan.path, plan.style)
    next(rows, None)
    return rows


def _resolve(session: Session, plan: Plan) -> None:
    """Look up all records the file names, once each."""
    leading = [rule for rule in plan.rules if rule.column.reference]
    org = next((rule for rule in leading if rule.column.key == "org_id"), None)
    if not leading:
        return
    texts: dict[tuple[str, str], set[str]] = {}
    for _, cells in _body(plan):
        of_org = _cell(cells, org.position) if org else ""
        for rule in leading:
            if text := _cell(cells, rule.position):
                texts.setdefault((rule.column.key, "" if rule is org else of_org), set()).add(text)
    columns = {rule.column.key: rule.column for rule in leading}
    if org:
        named = {text for (key, _), group in texts.items() if key == "org_id" for text in group}
        plan.found["org_id", None] = references.resolve(session, org.column, named, None)
    for (key, of_org), group in texts.items():
        if key != "org_id":
            org_id = _org_id(plan, of_org)
            known = plan.found.setdefault((key, org_id), {})
            known |= references.resolve(session, columns[key], group - known.keys(), org_id)


def _org_id(plan: Plan, text: str) -> int | None:
    found = plan.found.get(("org_id", None), {}).get(text) if text else plan.fixed.get("org_id")
    return found if isinstance(found, int) else None


def _cell(cells: list[str], position: int) -> str:
    return cells[position] if position < len(cells) else ""


def _lines(plan: Plan, say: Say) -> Iterator[str]:
    width = len(plan.headings)
    reasons = plan.reasons
    for count, (number, cells) in enumerate(_body(plan), start=1):
        values, errors = read_row(plan, cells)
        if any(cells[width:]):
            errors[""] = "The row has more cells than the heading."
        kept = [cell for index, cell in enumerate(cells[:width]) if index not in reasons]
        detail = {"v": values, "e": errors} if errors else {"v": values}
        outcome = "refuse" if errors else "create"
        yield f"{plan.run_id}\t{number}\t{outcome}\t{_json(kept)}\t{_json(detail)}\n"
        if count % EVERY == 0:
            say(count)


def _json(value: object) -> str:
    """JSON as COPY wants it; NUL, which PostgreSQL cannot store, is shown as unreadable."""
    text = json.dumps(value, ensure_ascii=False).replace("\\u0000", "\N{REPLACEMENT CHARACTER}")
    return text.replace("\\", "\\\\")


def read_row(plan: Plan, cells: list[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Values and errors of a row by column."""
    values, errors = dict(plan.fixed), {}
    org = next((_cell(cells, rule.position) for rule in plan.rules if rule.column.key == "org_id"), "")
    for rule in plan.rules:
        key, text = rule.column.key, _cell(cells, rule.position)
        try:
            if text:
                values[key] = _value(plan, rule, text, org)
            elif key not in plan.fixed:
                _blank(plan.target, key, values)
        except ValueInvalidError as error:
            errors[key] = str(error)
    return values, errors


def _blank(target: Target, key: str, values: dict[str, Any]) -> None:
    if target.required(key):
        raise ValueInvalidError("This is required.")
    if target.all_columns[key].nullable:
        values[key] = None


def _value(plan: Plan, rule: Rule, text: str, org: str) -> Any:
    if rule.column.reference is None:
        return rule.read(text)
    of_org = None if rule.column.key == "org_id" else _org_id(plan, org)
    found = plan.found.get((rule.column.key, of_org), {}).get(text, "This record is not known.")
    if isinstance(found, str):
        raise ValueInvalidError(found)
    return found


class _Stream:
    """Lines as the file that COPY reads."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines = lines
        self.rest = b""

    def read(self, size: int) -> bytes:
        parts, length = [self.rest], len(self.rest)
        while length < size and (line := next(self.lines, None)) is not None:
            parts.append(line.encode("utf-8", "replace"))
            length += len(parts[-1])
        whole = b"".join(parts)
        self.rest = whole[size:]
        return whole[:size]
