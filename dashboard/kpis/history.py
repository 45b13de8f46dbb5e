"""Reads what changed since a refresh out of the row history, so that no change is ever missed.

A transaction may take ids of the history and commit long after others did, so "ids above the last one" would
lose it. What decides is visibility: a row was seen by a refresh when its transaction was finished in the
snapshot the refresh had kept. The ids only spare reading old rows: `floor_id` rises to the newest id of an
earlier refresh once every transaction that had begun before that refresh has ended (its mark).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from dashboard.kpis.families import Family
from dashboard.kpis.models import KpiState

MARKS = 20
"""How many refreshes are remembered while a transaction stays open; then those in the middle go."""

# The own transaction's rows are never in its own snapshot's past: read them again rather than miss them.
_XID = "h.transaction_id::text::xid8"
_NEW = (
    f"h.id > %(floor)s AND (NOT pg_visible_in_snapshot({_XID}, %(snapshot)s::pg_snapshot)"
    f" OR {_XID} = pg_current_xact_id_if_assigned())"
)


@dataclass
class Look:
    """A moment of the tenant: what a refresh that begins now may count as seen.

    `newest`: an id of the history above which nothing is known; `mark`: the first transaction that began
    after it (None when the own one had begun before); `xmin`: every transaction below has ended.
    """

    at: datetime
    snapshot: str
    xmin: int
    newest: int
    mark: int | None
    schema: int
    tables: dict[tuple[str, int], dict[str, int]] = field(default_factory=dict)


def lock(session: Session, *, wait: bool = True) -> bool:
    """Hold the tenant's figures until the transaction ends, so that refreshes and rebuilds take turns.

    False when they are held and one does not wait.
    """
    name = "hashtextextended('kpi ' || current_schema(), 0)"
    ask = session.connection().exec_driver_sql
    if wait:
        ask(f"SELECT pg_advisory_xact_lock({name})")
        return True
    return bool(ask(f"SELECT pg_try_advisory_xact_lock({name})").scalar_one())


def look(session: Session) -> Look:
    """Take the moment. Whatever is read afterwards holds at least what this snapshot does."""
    ask = session.connection().exec_driver_sql
    had_begun = ask("SELECT pg_current_xact_id_if_assigned() IS NOT NULL").scalar_one()
    newest = ask("SELECT coalesce(max(id), 0) FROM row_history").scalar_one()
    mark = None if had_begun else int(ask("SELECT pg_current_xact_id()::text").scalar_one())
    at, snapshot, xmin, schema = ask(
        "SELECT clock_timestamp(), s::text, pg_snapshot_xmin(s)::text,"
        " (SELECT oid::bigint FROM pg_namespace WHERE nspname = current_schema())"
        " FROM pg_current_snapshot() AS s"
    ).one()
    return Look(at, snapshot, int(xmin), newest, mark, schema)


def is_usable(state: KpiState, seen: Look) -> bool:
    """Whether a state speaks of this history: made in this schema, of transactions this server has had."""
    last = int(state.snapshot.split(":")[1])
    return (
        state.marks.get("schema") == seen.schema
        and last <= int(seen.snapshot.split(":")[1])
        and state.floor_id <= seen.newest
    )


def changed_tables(session: Session, state: KpiState, seen: Look) -> Mapping[str, int]:
    """Return the tables with changes the state has not seen, and how many."""
    key = (state.snapshot, state.floor_id)
    if key not in seen.tables:
        rows = session.connection().exec_driver_sql(
            f"SELECT table_name, count(*) FROM row_history h WHERE {_NEW} GROUP BY 1",  # noqa: S608
            {"floor": state.floor_id, "snapshot": state.snapshot},
        )
        seen.tables[key] = {name: count for name, count in rows}  # noqa: C416  # typed rows, plain dict
    return seen.tables[key]


def changed_records(session: Session, family: Family, state: KpiState, table: str) -> set[int]:
    """Return the records whose facts the unseen changes of a table touch."""
    changed = (
        "SELECT record_id, operation, old, new FROM row_history h"  # noqa: S608  # text of our own
        f" WHERE table_name = %(table)s AND {_NEW}"
    )
    rows = session.connection().exec_driver_sql(
        f"WITH changed AS MATERIALIZED ({changed}) {family.sources[table]}",
        {"table": table, "floor": state.floor_id, "snapshot": state.snapshot},
    )
    return {int(row[0]) for row in rows if row[0] is not None}


def move_on(state: KpiState, seen: Look) -> None:
    """Note in a state what a refresh has seen, and raise its floor as far as nothing can appear below."""
    marks: list[list[int]] = [list(mark) for mark in state.marks.get("open", ())]
    if seen.mark is not None and (not marks or marks[-1][1] < seen.newest):
        marks.append([seen.mark, seen.newest])
    ended = [newest for mark, newest in marks if mark <= seen.xmin]
    still_open = [mark for mark in marks if mark[0] > seen.xmin]
    if len(still_open) > MARKS:
        still_open = [*still_open[: MARKS // 2], *still_open[-MARKS // 2 :]]
    state.floor_id = max([state.floor_id, *ended])
    state.marks = {**state.marks, "schema": seen.schema, "open": still_open}
    state.snapshot = seen.snapshot


def begin(state: KpiState, seen: Look) -> None:
    """Note the same in the state of facts that have just been computed from everything."""
    state.floor_id, state.marks = 0, {}
    move_on(state, seen)
