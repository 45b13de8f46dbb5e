"""Owns checking staged rows by the database's own rules, all rows of a rule at once.

Names of tables and columns come from the models and the catalogue, values are parameters.
"""
# ruff: noqa: S608

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from dashboard.imports.staging import Plan
from dashboard.imports.targets import Target
from dashboard.records.columns import in_sentence
from dashboard.records.constraint_errors import broken_rule

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_RULES = """
SELECT conname, pg_get_expr(conbin, conrelid) FROM pg_constraint
WHERE contype = 'c' AND conrelid = to_regclass(:name) ORDER BY conname
"""
_UNIQUE = """
SELECT array(SELECT pg_get_indexdef(i.indexrelid, k, true) FROM generate_series(1, i.indnkeyatts) k),
    coalesce(pg_get_expr(i.indpred, i.indrelid), 'true')
FROM pg_index i WHERE i.indisunique AND NOT i.indisprimary AND i.indrelid = to_regclass(:name)
ORDER BY i.indexrelid
"""
_DEFAULTS = """
SELECT a.attname, pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a
JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass(:name) AND a.attgenerated = '' AND a.attidentity = ''
"""


@dataclass(frozen=True)
class UniqueRule:
    """A unique index: expressions that must differ among the rows its condition holds for."""

    keys: tuple[str, ...]
    condition: str

    def words(self, target: Target) -> tuple[str, str]:
        """The column a violation is shown on, and the words for the key."""
        named = names_in(target, self.keys)
        own = [key for key in named if key != "org_id"] or named
        return own[-1], " and ".join(in_sentence(target.all_columns[key].label) for key in own)


class Rows:
    """SQL over the staged rows of a plan; `v` holds the values of a row, `cur` is the record it meets."""

    def __init__(self, session: Session, plan: Plan) -> None:
        self.session = session
        self.plan = plan
        self.target = plan.target
        self.name = str(plan.target.table.name)
        self.values = {"run": plan.run_id}
        self.defaults: dict[str, str] = {
            key: _verbatim(default) for key, default in self._catalogue(_DEFAULTS)
        }

    def _catalogue(self, statement: str) -> list[Any]:
        return [tuple(row) for row in self.session.execute(sa.text(statement), {"name": self.name})]

    def cast(self, key: str) -> str:
        """The row's value of a column, in the column's type."""
        kind = self.target.table.c[key].type.compile(dialect=_DIALECT)
        return f"CAST(r.detail -> 'v' ->> '{key}' AS {kind})"

    def merged(self, key: str) -> str:
        """What the column will hold: the row's value, else the record's, else the default."""
        default = "NULL" if key == "deleted_at" else f"coalesce(cur.{key}, {self.defaults.get(key, 'NULL')})"
        if key not in self.plan.keys:
            return default
        return f"CASE WHEN r.detail -> 'v' ? '{key}' THEN {self.cast(key)} ELSE {default} END"

    def source(self, keys: Iterable[str]) -> str:
        """A subquery of the rows that are still good, with the columns named."""
        columns = "".join(f", {self.merged(key)} AS {key}" for key in keys)
        return (
            f"(SELECT r.line AS import_line, r.record_id AS import_id{columns} FROM import_row r"
            f" LEFT JOIN {self.name} cur ON cur.id = r.record_id"
            " WHERE r.run_id = :run AND r.outcome <> 'refuse' OFFSET 0)"
        )

    def match(self, keys: Collection[str]) -> None:
        """Find the record each row meets by a unique key, a deleted one only where the key still holds it."""
        meets = " AND ".join(f"cur.{key} = {self.cast(key)}" for key in keys)
        found = next((rule for rule in self.unique_rules() if set(rule.keys) == set(keys)), None)
        condition = re.sub(r"\b(deleted_at|external_key)\b", r"cur.\1", found.condition if found else "true")
        self.run(
            f"UPDATE import_row r SET record_id = cur.id FROM {self.name} cur"
            f" WHERE r.run_id = :run AND r.outcome <> 'refuse' AND {meets} AND {condition}"
        )

    def run(self, statement: str, **more: object) -> int:
        """Run a statement over the rows; returns how many it touched."""
        result: Any = self.session.execute(sa.text(statement), self.values | more)
        return int(result.rowcount)

    def unique_rules(self) -> list[UniqueRule]:
        """Every unique index of the table."""
        found = self._catalogue(_UNIQUE)
        return [UniqueRule(tuple(map(_verbatim, keys)), _verbatim(condition)) for keys, condition in found]

    def check_rules(self) -> None:
        """Refuse rows that break a CHECK, or lack what a new record needs."""
        faults, needed = [], set()
        for name, expression in self._catalogue(_RULES):
            keys = names_in(self.target, [expression])
            if set(keys) & set(self.plan.keys):
                needed |= set(keys)
                refusal = broken_rule(self.name, name, self.target.all_columns)
                faults.append((f"NOT ({_verbatim(expression)})", refusal.field, refusal.message))
        for key in self.target.columns:
            if self.target.required(key) and key not in self.plan.keys:
                needed.add(key)
                faults.append((f"{key} IS NULL", key, "This is required."))
        if not faults:
            return
        cases = [
            f"CASE WHEN {broken} THEN {_literal({key: words})} ELSE '{{}}'::jsonb END"
            for broken, key, words in faults
        ]
        self._refuse(
            f"SELECT import_line, {' || '.join(cases)} AS faults FROM {self.source(sorted(needed))} s"
        )

    def check_unique(self) -> None:
        """Refuse rows whose key another row of the file, or another record, has."""
        for rule in self.unique_rules():
            named = names_in(self.target, rule.keys)
            given = set(named) & set(self.plan.keys) - {"org_id"}
            if given and "id" not in named:
                self._check_unique(rule)

    def _check_unique(self, rule: UniqueRule) -> None:
        column, words = rule.words(self.target)
        keys = [f"import_k{index}" for index in range(len(rule.keys))]
        shown = ", ".join(f"({each}) AS {key}" for each, key in zip(rule.keys, keys, strict=True))
        known = " AND ".join(f"({each}) IS NOT NULL" for each in rule.keys)
        source = self.source(names_in(self.target, [*rule.keys, rule.condition]))
        keyed = (
            f"(SELECT import_line, import_id, {shown} FROM {source} s WHERE ({rule.condition}) AND {known})"
        )
        self._refuse(
            "SELECT import_line, jsonb_build_object(CAST(:column AS text), 'Row ' || first_line"
            " || ' of this file has the same ' || :words || '.') AS faults"
            " FROM (SELECT import_line, min(import_line) OVER (PARTITION BY"
            f" {', '.join(keys)}) AS first_line FROM {keyed} k) d WHERE first_line < import_line",
            column=column,
            words=words,
        )
        meets = " AND ".join(f"({each}) = k.{key}" for each, key in zip(rule.keys, keys, strict=True))
        noun = self.target.noun
        self._refuse(
            f"SELECT import_line, {_literal({column: f'Another {noun} already has this {words}.'})} AS faults"
            f" FROM {keyed} k WHERE EXISTS (SELECT FROM {self.name} WHERE ({rule.condition}) AND {meets}"
            f" AND {self.name}.id IS DISTINCT FROM k.import_id)"
        )

    def _refuse(self, faults: str, **more: object) -> None:
        self.run(
            "UPDATE import_row r SET outcome = 'refuse',"
            " detail = r.detail || jsonb_build_object('e', f.faults)"
            f" FROM ({faults}) f WHERE r.run_id = :run AND r.line = f.import_line AND f.faults <> '{{}}'",
            **more,
        )

    def refuse(self, lines: Collection[int], key: str, message: str) -> None:
        """Refuse some rows for one reason."""
        self.run(
            "UPDATE import_row SET outcome = 'refuse', detail = detail || jsonb_build_object('e',"
            " jsonb_build_object(CAST(:column AS text), CAST(:words AS text)))"
            " WHERE run_id = :run AND line = ANY(:lines)",
            column=key,
            words=message,
            lines=list(lines),
        )

    def compare(self) -> int:
        """Tell rows that change their record from those that are the same; returns how many are the same."""
        gone = "jsonb_build_object('deleted_at', jsonb_build_array(to_jsonb(cur.deleted_at), NULL))"
        revives = f"CASE WHEN cur.deleted_at IS NOT NULL THEN {gone} ELSE '{{}}' END"
        parts = [revives] if "deleted_at" in self.target.all_columns else []
        for key in self.plan.keys:
            both = f"jsonb_build_array(to_jsonb(cur.{key}), to_jsonb({self.cast(key)}))"
            pair = f"jsonb_build_object('{key}', {both})"
            differs = f"r.detail -> 'v' ? '{key}' AND cur.{key} IS DISTINCT FROM {self.cast(key)}"
            parts.append(f"CASE WHEN {differs} THEN {pair} ELSE '{{}}' END")
        self.run(
            "UPDATE import_row r SET outcome = 'change',"
            f" detail = r.detail || jsonb_build_object('d', {' || '.join(parts)}) FROM {self.name} cur"
            " WHERE r.run_id = :run AND r.outcome = 'create' AND cur.id = r.record_id"
        )
        return self.run(
            "DELETE FROM import_row WHERE run_id = :run AND outcome = 'change' AND detail -> 'd' = '{}'"
        )


def names_in(target: Target, expressions: Iterable[str]) -> list[str]:
    """Columns that SQL expressions mention, in order."""
    words = [
        word for each in expressions for word in re.findall(r"\b[a-z_0-9]+\b", re.sub(r"'[^']*'", "", each))
    ]
    return [word for word in dict.fromkeys(words) if word in target.all_columns]


def _verbatim(expression: str) -> str:
    """An expression of the catalogue with nothing in it that could be taken for a parameter."""
    return expression.replace(":", "\\:")


def _literal(value: dict[str, str]) -> str:
    """JSON as an SQL literal."""
    text = _verbatim(json.dumps(value, ensure_ascii=False).replace("'", "''"))
    return f"'{text}'::jsonb"
