"""Asks PostgreSQL for a plan: as one tenant, read-only, in five seconds, always rolled back. An engine."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection, cursor

from dashboard.health.connection import CONNECT_SECONDS, libpq_url, one_line
from dashboard.health.statements.wholeness import count_parameters, verb, why_not

LIMIT_MS, LOCK_MS = 5_000, 500
WITH_GENERIC_PLAN = 160_000
NAME = "steward_explained"
Plan = dict[str, Any]


class NotExplainedError(Exception):
    """There is no plan; the message says why, in a sentence for people."""


def generic(url: str, text: str, role: str, schema: str) -> Plan:
    """Return the plan of a normalised text whose values nobody knows. Raises NotExplainedError."""
    _check(text)
    with _scope(url, role, schema) as link, link.cursor() as at:
        if link.info.server_version >= WITH_GENERIC_PLAN:
            at.execute(f"EXPLAIN (GENERIC_PLAN, SETTINGS, FORMAT JSON) {text}")
            return _answer(at)
        return _prepared(at, text, [], "force_generic_plan", "SETTINGS, FORMAT JSON")


def with_values(
    url: str, text: str, role: str, schema: str, values: Sequence[str | None], *, run: bool
) -> Plan:
    """Return the plan for given values; with `run` the query is run, which only a SELECT may be.

    Raises NotExplainedError.
    """
    _check(text)
    if run and verb(text) != "SELECT":
        raise NotExplainedError("Only a SELECT is run to be measured; this one changes something.")
    options = "ANALYZE, BUFFERS, SETTINGS, FORMAT JSON" if run else "SETTINGS, FORMAT JSON"
    with _scope(url, role, schema) as link, link.cursor() as at:
        return _prepared(at, text, values, "force_custom_plan", options)


def _check(text: str) -> None:
    if reason := why_not(text):
        raise NotExplainedError(reason)


@contextmanager
def _scope(url: str, role: str, schema: str) -> Iterator[connection]:
    """Open a transaction that can change nothing, as the tenant's role in its schema; roll it back."""
    try:
        link = psycopg2.connect(
            libpq_url(url), connect_timeout=CONNECT_SECONDS, application_name="steward_explain"
        )
        with closing(link):
            link.set_session(readonly=True)
            with link.cursor() as at:
                at.execute(f"SET LOCAL statement_timeout = {LIMIT_MS}; SET LOCAL lock_timeout = {LOCK_MS}")
                at.execute("SET LOCAL standard_conforming_strings = on")  # as the check of the text reads it
                at.execute("SET LOCAL idle_in_transaction_session_timeout = 10000")
                if role:
                    at.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
                path = [sql.Identifier(name) for name in (schema, "public", "pg_temp") if name]
                at.execute(sql.SQL("SET LOCAL search_path TO {}").format(sql.SQL(", ").join(path)))
            try:
                yield link
            finally:
                link.rollback()
                _forget(link)
    except psycopg2.Error as error:
        raise NotExplainedError(_explain(error)) from error


def _forget(link: connection) -> None:
    """Prepared statements outlive a transaction, and a pooler would hand them on."""
    with link.cursor() as at:
        at.execute("SELECT 1 FROM pg_prepared_statements WHERE name = %s", (NAME,))
        if at.fetchone():
            at.execute(sql.SQL("DEALLOCATE {}").format(sql.Identifier(NAME)))
    link.rollback()


def _prepared(at: cursor, text: str, values: Sequence[str | None], mode: str, options: str) -> Plan:
    at.execute(f"SET LOCAL plan_cache_mode = {mode}")
    at.execute(f"PREPARE {NAME} AS {text}")
    wanted = count_parameters(text)
    given = [*values[:wanted], *([None] * (wanted - len(values)))]
    call = sql.SQL("EXPLAIN ({}) EXECUTE {}").format(sql.SQL(options), sql.Identifier(NAME))
    if given:
        call += sql.SQL(" ({})").format(sql.SQL(", ").join(map(sql.Literal, given)))
    at.execute(call)
    return _answer(at)


def _answer(at: cursor) -> Plan:
    row = at.fetchone()
    found: Plan = dict(row[0][0]) if row else {}
    names = sorted({node["Relation Name"] for node in _nodes(found["Plan"]) if "Relation Name" in node})
    found["Relations"] = {name: _size(at, name) for name in names}
    return found


def _nodes(node: Plan) -> Iterator[Plan]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _size(at: cursor, name: str) -> list[float]:
    """Rows as the planner believes, and bytes."""
    at.execute(
        "SELECT greatest(c.reltuples, 0)::float8, c.relpages::float8"
        " * current_setting('block_size')::int FROM pg_class AS c WHERE c.oid = to_regclass(quote_ident(%s))",
        (name,),
    )
    row = at.fetchone()
    return list(row) if row else [0.0, 0.0]


def _explain(error: psycopg2.Error) -> str:
    words = one_line(error)
    if error.pgcode == "57014":
        return f"It took longer than {LIMIT_MS // 1000} s and was stopped; nothing was changed."
    if error.pgcode in {"42P18", "42601", "42804", "42883", "42725"}:
        return f"PostgreSQL cannot plan it without its values: {words}"
    return words
