"""Owns the CSV of all matching rows: PostgreSQL writes it, we pass it on, nothing is kept in memory."""

import os
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg2
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.records.columns import Column, Kind
from dashboard.records.keyset import Order
from dashboard.records.listing import Joins, conditions, make_order
from dashboard.records.spec import Spec
from dashboard.records.state import ListState

CHUNK = 65_536
GUARDED = "=+-@\t\r\n"
_DIALECT = postgresql.dialect(paramstyle="pyformat")
# Gives a session elsewhere for the reads of another one, or None where they are to stay.
Elsewhere = Callable[[Session], AbstractContextManager[Session | None]]
_elsewhere: list[Elsewhere] = []


def read_from(elsewhere: Elsewhere) -> None:
    """Let exports be read elsewhere than on the primary (a feature above this one knows where)."""
    _elsewhere[:] = [elsewhere]


def query(spec: Spec, state: ListState) -> sa.Select[Any]:
    """The rows of the list in its order, with the columns shown; referenced records by their label."""
    joins = Joins(spec)
    items = [_item(joins, spec.columns[key]) for key in dict.fromkeys(_with_currency(spec, state))]
    order = make_order(spec, joins, state.sort, descending=state.descending)
    select = sa.select(*items).select_from(joins.source).where(*conditions(spec, state))
    return select.order_by(*ordered(order))


def _with_currency(spec: Spec, state: ListState) -> list[str]:
    keys: list[str] = []
    for key in state.columns:
        keys += [key, spec.columns[key].currency] if spec.columns[key].currency else [key]
    return keys


def ordered(order: Order) -> list[sa.UnaryExpression[Any]]:
    """The whole list in one order, rows without a sort value last."""
    steps = order.steps(empty=False, backward=False)
    clauses = [step.desc() if down else step.asc() for step, down in steps]
    if order.nullable and steps[0][1]:
        clauses[0] = clauses[0].nulls_last()
    return clauses


def _item(joins: Joins, column: Column) -> sa.ColumnElement[Any]:
    item: sa.ColumnElement[Any] = joins.label(column) if column.reference else column.column
    if column.kind is Kind.BOOLEAN:
        item = sa.case((item, "yes"), (sa.not_(item), "no"))
    elif column.kind is Kind.DOCUMENT:
        item = sa.cast(item, sa.Text)
    elif column.kind is Kind.CHOICE:
        item = sa.case(*((item == value, sa.literal(words)) for value, words in column.choices), else_=item)
    elif isinstance(item.type, sa.String):
        item = guard(item)
    return item.label(column.label)


def guard(item: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Put an apostrophe before text that a spreadsheet would run as a formula."""
    risky = sa.func.strpos(GUARDED, sa.func.left(item, 1)) > 0
    return sa.case((sa.and_(item != "", risky), sa.literal("'") + item), else_=item)


def stream(session: Session, select: sa.Select[Any]) -> Iterator[bytes]:
    """CSV of a query in pieces."""
    return copy_out(session, select, "COPY ({}) TO STDOUT WITH (FORMAT csv, HEADER)")


def copy_out(session: Session, select: sa.Select[Any], command: str) -> Iterator[bytes]:
    """What COPY writes of a query, in pieces of at most CHUNK bytes, read in a transaction of its own.

    A reader that goes away closes the pipe, COPY fails, and the transaction is rolled back.
    """
    for elsewhere in _elsewhere:
        is_done = yield from _elsewhere_pieces(elsewhere, session, select, command)
        if is_done:
            return
    with _outliving(session) as own:
        yield from _pieces(own, select, command)


def _elsewhere_pieces(
    elsewhere: Elsewhere, session: Session, select: sa.Select[Any], command: str
) -> Generator[bytes, None, bool]:
    """Read elsewhere; False where nothing came of it, so that the primary is to be asked."""
    has_begun = False
    try:
        with elsewhere(session) as other:
            if other is None:
                return False
            for piece in _pieces(other, select, command):
                has_begun = True
                yield piece
    except psycopg2.Error:  # cancelled by the replay of WAL, or gone
        if has_begun:
            raise
        return False
    return True


def _pieces(own: Session, select: sa.Select[Any], command: str) -> Iterator[bytes]:
    connection = own.connection().connection.driver_connection
    statement = command.format(_as_text(connection, select))
    read_end, write_end = os.pipe()
    failures: list[BaseException] = []
    arguments = (connection, statement, write_end, failures)
    copier = threading.Thread(target=_copy, args=arguments, daemon=True)
    copier.start()
    try:
        with os.fdopen(read_end, "rb", buffering=0) as pipe:
            while chunk := pipe.read(CHUNK):
                yield chunk
    finally:
        copier.join()
    if failures:
        raise failures[0]


@contextmanager
def _outliving(session: Session) -> Iterator[Session]:
    """A session of the same tenant. The request's own gives its connection back before the answer is sent."""
    own = db.session.session_factory()
    own.info.update(session.info)
    try:
        yield own
    finally:
        own.close()


def _copy(connection: Any, statement: str, write_end: int, failures: list[BaseException]) -> None:
    try:
        with os.fdopen(write_end, "wb", buffering=CHUNK) as pipe, connection.cursor() as cursor:
            cursor.copy_expert(statement, pipe, size=CHUNK)
    except BaseException as error:  # noqa: BLE001 - carried to the thread that reads
        failures.append(error)


def _as_text(connection: Any, select: sa.Select[Any]) -> str:
    """The query as text; the driver quotes the values."""
    compiled = select.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    with connection.cursor() as cursor:
        return str(cursor.mogrify(str(compiled), compiled.params).decode())
