"""Owns one page of a list: found from a mark, from the end, or by number through remembered marks."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dashboard.records.counting import CAP, Count, Memory, count
from dashboard.records.keyset import Mark, Order, read_mark, read_rows
from dashboard.records.listing import Layout, conditions, layout, scope_key
from dashboard.records.spec import Spec
from dashboard.records.state import ListState

MAX_OFFSET = 20_000_000

_marks: Memory[Mark] = Memory(20_000, 600)


@dataclass(frozen=True)
class Page:
    """Rows of one page, how to go on, and how many there are in all. `number` 0: counted from the end."""

    layout: Layout
    rows: list[sa.Row[Any]]
    number: int
    has_previous: bool
    has_next: bool
    total: Count

    @property
    def first_mark(self) -> str:
        """Token of the first row, for the page before it."""
        return self.layout.mark(self.rows[0]).token() if self.rows else ""

    @property
    def last_mark(self) -> str:
        """Token of the last row, for the page after it."""
        return self.layout.mark(self.rows[-1]).token() if self.rows else ""


def read_page(session: Session, spec: Spec, state: ListState) -> Page:
    """Read the page a state asks for; one query for the rows, at most one for the count."""
    shown = layout(spec, state.columns, state.sort, state.descending)
    reader = _Reader(session, spec, state, shown)
    if state.last:
        return reader.last()
    after, before = (read_mark(shown.order.columns, token) for token in (state.after, state.before))
    if after is not None:
        return reader.after(after, max(state.page, 2))
    if before is not None:
        return reader.before(before, max(state.page, 1))
    if state.page > 1:
        return reader.numbered(state.page)
    return reader.first()


class _Reader:
    """Reads pages of one list in one request."""

    def __init__(self, session: Session, spec: Spec, state: ListState, shown: Layout) -> None:
        self.session, self.spec, self.state, self.shown = session, spec, state, shown
        self.size = state.size
        self.where = conditions(spec, state)
        self.key = (
            scope_key(session),
            spec.entity,
            tuple(state.arguments()),
            state.sort,
            state.descending,
            self.size,
        )

    def rows(self, *, beyond: Mark | None = None, backward: bool = False) -> list[sa.Row[Any]]:
        """One page and one row more, which tells whether there is a further page."""
        select, order = self.shown.select.where(*self.where), self.shown.order
        return read_rows(self._run, select, order, self.size + 1, beyond=beyond, backward=backward)

    def first(self) -> Page:
        """The first page; when it holds everything there is nothing to count."""
        rows = self.rows()
        if len(rows) <= self.size:
            return Page(self.shown, rows, 1, has_previous=False, has_next=False, total=Count(len(rows)))
        self._remember(2, rows[self.size - 1])
        return self._page(rows[: self.size], 1, before=False, after=True, fresh=True)

    def after(self, mark: Mark, number: int) -> Page:
        """The page that begins after a mark."""
        rows = self.rows(beyond=mark)
        if not rows:
            return self.last()
        if len(rows) > self.size:
            self._remember(number + 1, rows[self.size - 1])
        return self._page(rows[: self.size], number, before=True, after=len(rows) > self.size)

    def before(self, mark: Mark, number: int) -> Page:
        """The page that ends before a mark; short of a full page it is the first one."""
        rows = self.rows(beyond=mark, backward=True)
        if len(rows) <= self.size:
            return self.first()
        return self._page(rows[1:], max(number, 2), before=True, after=True)

    def last(self) -> Page:
        """The last rows, read from the end."""
        rows = self.rows(backward=True)
        more = len(rows) > self.size
        total = count(self.session, self.spec, self.state, fresh=False) if more else Count(len(rows))
        if not (more and total.exact):
            number = 0 if more else 1
            return Page(
                self.shown, rows[-self.size :], number, has_previous=more, has_next=False, total=total
            )
        pages, rest = divmod(total.rows - 1, self.size)
        return Page(
            self.shown, rows[-(rest + 1) :], pages + 1, has_previous=True, has_next=False, total=total
        )

    def numbered(self, number: int) -> Page:
        """A page by its number: from a remembered mark, else by walking the index once."""
        mark = _marks.get((self.key, number))
        if mark is None:
            mark = self._walk((number - 1) * self.size - 1)
            if mark is None:
                return self.last()
            _marks.put((self.key, number), mark)
        return self.after(mark, number)

    def _walk(self, offset: int) -> Mark | None:
        total = count(self.session, self.spec, self.state, fresh=False)
        beyond_end = offset >= (total.rows if total.exact else total.rows * 1.2 + CAP) and not total.capped
        if offset > MAX_OFFSET or beyond_end:
            return None
        order, select = self.shown.order, self._marks_only()
        for empty in order.parts:
            part = _one_part(select, order, empty=empty)
            row = self.session.execute(part.offset(offset).limit(1)).first()
            if row is not None:
                return Mark(tuple(row[:-1]), row[-1])
            if len(order.parts) > 1 and not empty:
                inner = part.order_by(None).with_only_columns(sa.func.count())
                offset -= self.session.scalar(inner) or 0
        return None

    def _marks_only(self) -> sa.Select[Any]:
        order = self.shown.order
        source = self.shown.select.get_final_froms()[0] if self._needs_join() else self.spec.table
        columns = [key.expression for key in order.keys]
        return sa.select(*columns, order.id).select_from(source).where(*self.where)

    def _needs_join(self) -> bool:
        return any(key.expression.table is not self.spec.table for key in self.shown.order.keys)

    def _page(
        self, rows: list[sa.Row[Any]], number: int, *, before: bool, after: bool, fresh: bool = False
    ) -> Page:
        total = count(self.session, self.spec, self.state, fresh=fresh)
        return Page(self.shown, rows, number, has_previous=before, has_next=after, total=total)

    def _remember(self, number: int, row: sa.Row[Any]) -> None:
        _marks.put((self.key, number), self.shown.mark(row))

    def _run(self, statement: sa.Select[Any]) -> list[sa.Row[Any]]:
        return list(self.session.execute(statement).all())


def _one_part(select: sa.Select[Any], order: Order, *, empty: bool) -> sa.Select[Any]:
    if order.nullable:
        first = order.keys[0].expression
        select = select.where(first.is_(None) if empty else first.is_not(None))
    return select.order_by(*order.by(empty=empty, backward=False))
