"""Owns turning a refused write into a message on the field it is about, by the constraint's name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from dashboard.records.columns import Column, humanize, in_sentence

RULES = {
    "not_blank": "must not be empty",
    "not_negative": "must not be negative",
    "positive": "must be more than 0",
    "not_zero": "must not be 0",
    "iso": "is not a valid ISO code",
    "shape": "does not have the right form",
    "object": "must be a JSON object",
    "known": "is not one of the known values",
    "not_itself": "must not be the record itself",
    "differs": "must differ",
    "unnumbered": "cannot be set: a record with a number is cancelled, never removed",
    "or_product": "is needed when no product is chosen",
    "month": "must be a month such as 2026-03",
}
UNIQUE, FOREIGN, CHECK, NULL = "23505", "23503", "23514", "23502"
EXCLUSION, RAISED, RESTRICT = "23P01", "P0001", "23001"
READ_ONLY = "25006"
KNOWN = frozenset({UNIQUE, FOREIGN, CHECK, NULL, EXCLUSION, RAISED, RESTRICT, READ_ONLY})
MAINTENANCE = (
    "Read-only now: nothing was saved. What you typed is kept here; save again when the banner has gone."
)
_RANGE = re.compile(r"BETWEEN\s+(\S+)\s+AND\s+(\S+)", re.IGNORECASE)


@dataclass(frozen=True)
class Refusal:
    """Why the database refused a write: table, field ('' for the whole record), words for people."""

    table: str
    field: str
    message: str
    status: HTTPStatus


def explain(error: DBAPIError, columns: Mapping[str, Mapping[str, Column]]) -> Refusal | None:
    """Explain a refused write; `columns` are those of its tables. None for an error that is no refusal."""
    diagnosis = getattr(error.orig, "diag", None)
    code = str(getattr(error.orig, "pgcode", None) or "")
    if diagnosis is None or not (code in KNOWN or code.startswith("22")):
        return None
    table, name = str(diagnosis.table_name or ""), str(diagnosis.constraint_name or "")
    known = columns.get(table, {})
    if code == NULL:
        key = str(diagnosis.column_name or "")
        return Refusal(table, key, "This is required.", HTTPStatus.UNPROCESSABLE_ENTITY)
    if code == UNIQUE:
        return _taken(table, name, known, str(diagnosis.message_detail or ""))
    if code in {FOREIGN, RESTRICT}:
        return _reference(table, name, known, str(diagnosis.message_detail or ""))
    if code == CHECK:
        return broken_rule(table, name, known)
    status = HTTPStatus.CONFLICT if isinstance(error, IntegrityError) else HTTPStatus.UNPROCESSABLE_ENTITY
    message = str(diagnosis.message_primary or "The database refused this.")
    if code == READ_ONLY:
        table, status, message = "", HTTPStatus.CONFLICT, MAINTENANCE.rstrip(".")
    return Refusal(table, "", f"{message[:1].upper()}{message[1:]}.", status)


def _taken(table: str, name: str, known: Mapping[str, Column], detail: str) -> Refusal:
    """A value that another record has: on the last column of the key that people type."""
    keys = re.findall(r"\w+", detail.partition("Key (")[2].partition(")=(")[0]) or name.split("_")
    found = [key for key in keys if key in known and key != "org_id"] or [key for key in keys if key in known]
    key = found[-1] if found else ""
    words = " and ".join(in_sentence(known[key].label) for key in found) or "value"
    return Refusal(
        table, key, f"Another {in_sentence(humanize(table))} already has this {words}.", HTTPStatus.CONFLICT
    )


def _reference(table: str, name: str, known: Mapping[str, Column], detail: str) -> Refusal:
    """A record that does not exist (any more), or one that is still in use."""
    if "is still referenced" in detail or "referenced from table" in detail:
        user = detail.rpartition('from table "')[2].rstrip('".') or table
        message = f"It is still used by {in_sentence(humanize(user))} records. Remove or change those first."
        return Refusal(table, "", message, HTTPStatus.CONFLICT)
    key = _key_of(table, name, known)
    return Refusal(
        table,
        key,
        "This record does not exist any more, or belongs to another organization.",
        HTTPStatus.CONFLICT,
    )


def _key_of(table: str, name: str, known: Mapping[str, Column]) -> str:
    """The column a foreign key is about: `fk_quote_org_id_supplier_id_supplier` → supplier_id."""
    rest = re.sub(rf"^fk_{re.escape(table)}_", "", name)
    keys = [key for key in known if re.search(rf"(?:^|_){re.escape(key)}(?:_|$)", rest)]
    own = [key for key in keys if key != "org_id"]
    return max(own or keys, key=len, default="")


def broken_rule(table: str, name: str, known: Mapping[str, Column]) -> Refusal:
    """Explain a broken CHECK: its name begins with the field and ends with the rule."""
    rest = name.removeprefix(f"ck_{table}_")
    key = max((key for key in known if rest == key or rest.startswith(f"{key}_")), key=len, default="")
    rule = rest.removeprefix(key).strip("_")
    words = (
        _range_words(table, name, known) or RULES.get(rule) or f"breaks the rule “{rule.replace('_', ' ')}”"
    )
    label = known[key].label if key else "The record"
    return Refusal(table, key, f"{label} {words}.", HTTPStatus.UNPROCESSABLE_ENTITY)


def _range_words(table: str, name: str, known: Mapping[str, Column]) -> str:
    owner: Any = next(iter(known.values())).column.table if known else None
    for constraint in owner.constraints if owner is not None and owner.name == table else ():
        if isinstance(constraint, sa.CheckConstraint) and str(constraint.name) in name:
            match = _RANGE.search(str(constraint.sqltext))
            return f"must be between {match.group(1)} and {match.group(2)}" if match else ""
    return ""
