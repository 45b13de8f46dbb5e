"""Lists the records behind a number, a page at a time by key, and counts why others are left out."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from dashboard.kpis.proof.question import Question, Status, TooLongError, time_limit

PAGE = 50
BATCH = 2_000
"""Records whose reasons are asked for at once."""
COUNTED = 10_000
"""Reasons are counted among so many records left out, and the page says so."""
LOOKING = 2.0
"""Seconds a page may look for records of a rare kind before it offers to look further."""


@dataclass(frozen=True)
class Row:
    """One record: what it counts for, or why it does not."""

    record_id: int
    org_id: int
    month: date
    subject_id: int
    category_id: int
    region: str
    bin: int | None
    measures: Mapping[str, Decimal | None]
    why: str
    """'' when it counts, else `excluded: …` or `pending: …`."""
    is_changed: bool = False
    """The record has changed since its fact was kept; the next refresh will see it."""

    @property
    def status(self) -> Status:
        """Whether it counts, never will, or not yet."""
        return _status(self.why)

    @property
    def reason(self) -> str:
        """The reason without its kind."""
        return self.why.partition(": ")[2]


@dataclass(frozen=True)
class Listing:
    """A page of rows; `after` is the mark of the next one, None at the end.

    It may be short, or empty, and yet have a next one: then the time for looking was over.
    """

    rows: tuple[Row, ...]
    after: int | None


@dataclass(frozen=True)
class Reasons:
    """How many records are left out for which reason. `is_capped`: only the first COUNTED were looked at."""

    counts: tuple[tuple[Status, str, int], ...]
    is_capped: bool

    def of(self, status: Status) -> int:
        """How many are left out in this way."""
        return sum(count for kind, _, count in self.counts if kind == status)


def read(session: Session, question: Question, status: Status, after: int = 0, size: int = PAGE) -> Listing:
    """Return the rows with a key above `after`, in its order."""
    if question.is_replay:
        return _replayed(session, question, status, after, size)
    if status == "included":
        kept = _facts(session, question, question.counts, after, size + 1)
        shown = with_reasons(session, question, kept[:size])
        return Listing(shown, shown[-1].record_id if len(kept) > size else None)
    return _left_out(session, question, status, after, size)


def with_reasons(session: Session, question: Question, kept: Sequence[Row]) -> tuple[Row, ...]:
    """Put beside kept facts what their records say now: why they do not count, and whether they changed."""
    if not kept:
        return ()
    told = question.replayed()
    found = session.connection().exec_driver_sql(
        f"SELECT {_columns(told)} FROM ({told.facts}) AS r WHERE record_id = ANY(%(records)s::bigint[])",  # noqa: S608
        {**told.binds, "records": [row.record_id for row in kept]},
    )
    now = {row[0]: _row(told, row) for row in found}
    return tuple(_beside(row, now.get(row.record_id)) for row in kept)


def walk(session: Session, question: Question) -> Iterator[list[Row]]:
    """Yield all rows of every kind, a batch at a time, in the order of their keys."""
    if question.is_replay:
        yield from (found for found, _ in _windows(session, question, "TRUE", 0))
        return
    after: int | None = 0
    while after is not None:
        kept = _facts(session, question, "TRUE", after, BATCH)
        yield list(with_reasons(session, question, kept))
        after = kept[-1].record_id if len(kept) == BATCH else None


def reasons(session: Session, question: Question) -> Reasons:
    """Count why records are left out, among the first COUNTED of them. Raises TooLongError.

    Reasons that differ in a day or a figure only are counted together.
    """
    told = question.replayed()
    some, why = question.where, f"{told.kpi.code}_why"
    if not question.is_replay:
        first = f"WHERE {question.where} AND NOT {question.counts} ORDER BY record_id LIMIT {COUNTED + 1}"
        some = f"record_id = ANY(ARRAY(SELECT record_id FROM ({question.facts}) AS k {first}))"  # noqa: S608
    with time_limit(session, LOOKING * 5):
        rows = session.connection().exec_driver_sql(
            rf"SELECT regexp_replace(why, '\d[\d.,:-]*', '…', 'g'), count(*)"  # noqa: S608
            f" FROM (SELECT {why} AS why FROM ({told.facts}) AS r WHERE {some} AND {why} <> ''"
            f" LIMIT {COUNTED + 1}) AS w GROUP BY 1 ORDER BY 2 DESC, 1",
            told.binds,
        )
        found = [(row[0], row[1]) for row in rows]
    counts = tuple((_status(why), why.partition(": ")[2], count) for why, count in found)
    return Reasons(counts, is_capped=sum(count for _, count in found) > COUNTED)


def _replayed(session: Session, question: Question, status: Status, after: int, size: int) -> Listing:
    """Ask for all at once, which an index may make quick; where it does not, look through the family."""
    wanted = {"included": "= ''", "excluded": "LIKE 'excluded%%'", "pending": "LIKE 'pending%%'"}[status]
    which = f"{question.kpi.code}_why {wanted}"
    try:
        with time_limit(session, LOOKING):
            found = _facts(session, question, which, after, size + 1)
    except TooLongError:
        return _collect(_windows(session, question, which, after), size)
    return Listing(tuple(found[:size]), found[size - 1].record_id if len(found) > size else None)


def _left_out(session: Session, question: Question, status: Status, after: int, size: int) -> Listing:
    return _collect(_not_counting(session, question, status, after), size)


Batches = Iterator[tuple[list[Row], int | None]]
"""Rows found, and the last key looked at; None when there is nothing further."""


def _collect(batches: Batches, size: int) -> Listing:
    """Gather a page out of batches, for as long as a page may take."""
    found: list[Row] = []
    started = time.monotonic()
    for rows, last in batches:
        found += rows
        if len(found) > size:
            return Listing(tuple(found[:size]), found[size - 1].record_id)
        if last is None or time.monotonic() - started > LOOKING:
            return Listing(tuple(found), last)
    return Listing(tuple(found), None)


def _not_counting(session: Session, question: Question, status: Status, after: int) -> Batches:
    while True:
        kept = _facts(session, question, f"NOT {question.counts}", after, BATCH)
        rows = [row for row in with_reasons(session, question, kept) if _status(row.why) == status]
        if len(kept) < BATCH:
            yield rows, None
            return
        after = kept[-1].record_id
        yield rows, after


def _windows(session: Session, question: Question, which: str, after: int) -> Batches:
    """Compute the records between kept keys; the last window is open, for records without a fact yet."""
    while True:
        last = (
            session.connection()
            .exec_driver_sql(
                "SELECT record_id FROM kpi_fact WHERE family = %(family)s AND record_id > %(after)s"
                " ORDER BY record_id OFFSET %(step)s LIMIT 1",
                {"family": question.kpi.family, "after": after, "step": BATCH - 1},
            )
            .scalar()
        )
        until = f"{which} AND record_id <= {int(last)}" if last is not None else which
        rows = _facts(session, question, until, after, BATCH)
        is_over = last is None and len(rows) < BATCH
        after = rows[-1].record_id if last is None and rows else last or after
        yield rows, None if is_over else after
        if is_over:
            return


def _facts(session: Session, question: Question, which: str, after: int, size: int) -> list[Row]:
    """Return the next facts by key. Kept ones are walked along their key and never sorted."""
    ask = session.connection().exec_driver_sql
    if not question.is_replay:
        ask("SET LOCAL enable_sort = off")
    rows = ask(
        f"SELECT {_columns(question)} FROM ({question.facts}) AS r"  # noqa: S608
        f" WHERE {question.where} AND {which} AND record_id > %(after)s ORDER BY record_id LIMIT {size}",
        {**question.binds, "after": after},
    ).fetchall()
    if not question.is_replay:
        ask("SET LOCAL enable_sort = on")
    return [_row(question, row) for row in rows]


def _columns(question: Question) -> str:
    why = f"{question.kpi.code}_why" if question.is_replay else "''"
    keys = "record_id, org_id, month, subject_id, category_id, region, bin"
    return ", ".join([keys, why, *(f"{name}::numeric" for name in question.measures)])


def _row(question: Question, row: Any) -> Row:
    record, org, month, subject, category, region, place, why, *measures = row
    named = dict(zip(question.measures, measures, strict=True))
    return Row(record, org, month, subject, category, region, place, named, why)


def _beside(kept: Row, now: Row | None) -> Row:
    if now is None:
        return _changed(kept, "excluded: the record is not there any more", is_changed=True)
    return _changed(kept, now.why, is_changed=replace(now, why="") != kept)


def _changed(row: Row, why: str, *, is_changed: bool) -> Row:
    return replace(row, why=why, is_changed=is_changed)


def _status(why: str) -> Status:
    if not why:
        return "included"
    return "pending" if why.startswith("pending") else "excluded"
