"""Merges one supplier into another: chosen values, everything that refers to it, one undoable change set.

What refers to a supplier is read from the tables' keys, so that a new table cannot be forgotten. A row that
the survivor has already (both invited to one RFQ) cannot move; RULES says what becomes of it. The caller
commits.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dashboard.changes import service as changes
from dashboard.changes.models import ChangeKind, ChangeSet
from dashboard.collaboration.models import Comment
from dashboard.core.db import TenantModel
from dashboard.core.errors import ConflictError, InvalidInputError, NotFoundError
from dashboard.erp.suppliers.models import Supplier, SupplierPair
from dashboard.records.columns import humanize

DROPPED, STAYS, DEMOTED = "dropped", "stays", "demoted"
RULES = {"rfq_invitation": DROPPED, "supplier_product": DROPPED, "supplier_contact": DEMOTED}
"""Everything else stays with the merged supplier: a second quote or invoice is a document, not a copy."""
BY_NAME = ("comment", "activity", "attachment", "content_translation")
"""Tables that name their record by entity and id, whose rows the history keeps."""
CHOSEN = (
    *("name", "code", "status", "category_id", "email", "phone", "website", "address", "country", "region"),
    *("tax_id", "lead_time_days", "payment_days", "reliability", "score_n", "capabilities", "custom_fields"),
)
NAMED = 20


@dataclass(frozen=True)
class Link:
    """A column whose rows belong to a supplier."""

    table: sa.Table
    column: sa.Column[Any]
    condition: sa.ColumnElement[bool]

    def rows_of(self, supplier_id: int) -> sa.ColumnElement[bool]:
        """Condition for the rows of one supplier."""
        return sa.and_(self.condition, self.column == supplier_id)


@dataclass(frozen=True)
class Conflict:
    """Rows that cannot move as they are, what becomes of them, and what some of them are about."""

    table: str
    title: str
    outcome: str
    ids: tuple[int, ...]
    about: tuple[str, ...]


@dataclass
class Plan:
    """What a merge would do: rows to move by table, and conflicts."""

    moves: list[tuple[str, int]] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)


def links() -> Iterator[Link]:
    """Every column that refers to a supplier."""
    supplier = TenantModel.metadata.tables[Supplier.__tablename__]
    for table in TenantModel.metadata.sorted_tables:
        if table.name == SupplierPair.__tablename__:
            continue  # a pair is about both; with one of them deleted it is not shown
        for key in table.foreign_key_constraints:
            if key.referred_table is supplier:
                column = next(each.parent for each in key.elements if each.column is supplier.c.id)
                yield Link(table, column, sa.true())
        if table.name in BY_NAME:
            yield Link(table, table.c.record_id, table.c.entity == Supplier.__tablename__)


def plan(session: Session, survivor_id: int, loser_id: int) -> Plan:
    """Say what merging would move and what cannot move."""
    found = Plan()
    for link in links():
        conflicts = _conflicts(session, link, survivor_id, loser_id)
        found.conflicts += conflicts
        staying = {each for conflict in conflicts if conflict.outcome != DEMOTED for each in conflict.ids}
        count = session.scalar(
            sa.select(sa.func.count()).select_from(link.table).where(link.rows_of(loser_id))
        )
        if (moving := (count or 0) - len(staying)) > 0:
            found.moves.append((_plural(link.table.name), moving))
    return found


def merge(
    session: Session, survivor_id: int, loser_id: int, chosen: Mapping[str, int], versions: Mapping[int, int]
) -> tuple[ChangeSet, Plan]:
    """Merge `loser` into `survivor`; `chosen` names for each field the supplier whose value stays.

    `versions` are those the person looked at. Raises NotFoundError, InvalidInputError, ConflictError.
    """
    survivor, loser = _locked(session, survivor_id, loser_id, versions)
    change = changes.begin(
        session, ChangeKind.MERGE, Supplier.__tablename__, f"Merge {loser.name} into {survivor.name}"
    )
    done = plan(session, survivor_id, loser_id)
    values = {key: getattr(loser, key) for key in CHOSEN if chosen.get(key) == loser_id}
    names = survivor.name, loser.name
    loser.deleted_at = sa.func.now()  # first: its code becomes free
    session.flush()
    for key, value in values.items():
        setattr(survivor, key, value)
    session.flush()
    moved = sum(_move(session, link, survivor_id, loser_id, done) for link in links())
    session.add_all(_remarks(survivor_id, loser_id, names))
    changes.finish(session, change, moved + 2)
    return change, done


def _locked(
    session: Session, survivor_id: int, loser_id: int, versions: Mapping[int, int]
) -> tuple[Supplier, Supplier]:
    query = sa.select(Supplier).where(Supplier.id.in_((survivor_id, loser_id))).order_by(Supplier.id)
    rows = {row.id: row for row in session.scalars(query.with_for_update())}
    if survivor_id == loser_id or len(rows) != 2:
        raise NotFoundError("There are no such two suppliers.")
    survivor, loser = rows[survivor_id], rows[loser_id]
    if survivor.org_id != loser.org_id:
        raise InvalidInputError(
            "The two suppliers belong to different organizations, whose records stay apart."
        )
    for row in (survivor, loser):
        if row.deleted_at is not None:
            raise ConflictError(f"{row.name} is deleted.", fix="Restore it first.")
        if versions.get(row.id) != row.version:
            raise ConflictError(f"{row.name} was changed since you looked at it.", fix="Look at both again.")
    return survivor, loser


def _remarks(survivor_id: int, loser_id: int, names: tuple[str, str]) -> list[Comment]:
    entity = Supplier.__tablename__
    return [
        Comment(entity=entity, record_id=survivor_id, body=f"Merged {names[1]} (#{loser_id}) into this one."),
        Comment(entity=entity, record_id=loser_id, body=f"Merged into {names[0]} (#{survivor_id})."),
    ]


def _move(session: Session, link: Link, survivor_id: int, loser_id: int, done: Plan) -> int:
    """Move the rows of one column; returns how many were moved or dropped."""
    kept: set[int] = set()
    for conflict in (each for each in done.conflicts if each.table == link.table.name):
        if conflict.outcome == DROPPED:
            session.execute(sa.delete(link.table).where(link.table.c.id.in_(conflict.ids)))
        elif conflict.outcome == DEMOTED:
            _update(session, link, link.table.c.id.in_(conflict.ids), {"is_primary": False})
        kept |= set(conflict.ids) if conflict.outcome != DEMOTED else set()
    condition = sa.and_(link.rows_of(loser_id), link.table.c.id.not_in(kept))
    return _update(session, link, condition, {link.column.key: survivor_id}) + len(kept)


def _update(session: Session, link: Link, condition: sa.ColumnElement[bool], values: dict[str, Any]) -> int:
    """Change rows as an edit would: an open form of one of them must notice."""
    if "version" in link.table.c:
        values = values | {"version": link.table.c.version + 1}
    changed: Any = session.execute(sa.update(link.table).where(condition).values(values))
    return int(changed.rowcount)


def _conflicts(session: Session, link: Link, survivor_id: int, loser_id: int) -> list[Conflict]:
    found: dict[str, set[int]] = {}
    for columns, where in _unique_keys(link):
        ids = set(session.scalars(_colliding(link, columns, where, survivor_id, loser_id)))
        rule = RULES.get(link.table.name, STAYS)
        if rule == DROPPED and link.table.name == "rfq_invitation" and ids:
            quoted = ids & _with_staying_quote(session, survivor_id, loser_id)
            found.setdefault(STAYS, set()).update(quoted)
            ids -= quoted
        found.setdefault(rule, set()).update(ids)
    return [
        Conflict(
            link.table.name, _plural(link.table.name), outcome, tuple(sorted(ids)), _about(session, link, ids)
        )
        for outcome, ids in found.items()
        if ids
    ]


def _unique_keys(link: Link) -> Iterator[tuple[list[sa.Column[Any]], Any]]:
    """Unique keys with the column: their other columns, and the condition of a partial one."""
    for constraint in link.table.constraints:
        if isinstance(constraint, sa.UniqueConstraint) and link.column.key in constraint.columns:
            yield [each for each in constraint.columns if each is not link.column], sa.true()
    for index in link.table.indexes:
        if index.unique and link.column.key in index.columns:
            where = index.dialect_options["postgresql"]["where"]
            yield (
                [each for each in index.columns if each is not link.column],
                sa.true() if where is None else where,
            )


def _colliding(
    link: Link, columns: list[sa.Column[Any]], where: Any, survivor_id: int, loser_id: int
) -> sa.Select[Any]:
    """Ids of the loser's rows that the survivor has already, by one unique key."""
    wanted: list[Any] = [*columns] or [sa.literal(1)]
    other: sa.Select[Any] = sa.select(*wanted).select_from(link.table)
    other = other.where(link.rows_of(survivor_id), where).correlate(None)
    mine = sa.select(link.table.c.id).where(link.rows_of(loser_id), where)
    return (
        mine.where(sa.tuple_(*columns).in_(other))
        if columns
        else mine.where(sa.exists(other.subquery().select()))
    )


def _with_staying_quote(session: Session, survivor_id: int, loser_id: int) -> set[int]:
    """Invitations of the loser whose quote stays with it, because the survivor quoted as well."""
    invitation, quote = (TenantModel.metadata.tables[name] for name in ("rfq_invitation", "quote"))
    mine, theirs = quote.alias(), quote.alias()
    query = (
        sa.select(invitation.c.id)
        .join(mine, mine.c.rfq_id == invitation.c.rfq_id)
        .join(theirs, theirs.c.rfq_id == invitation.c.rfq_id)
        .where(invitation.c.supplier_id == loser_id, mine.c.supplier_id == loser_id)
        .where(
            theirs.c.supplier_id == survivor_id, mine.c.deleted_at.is_(None), theirs.c.deleted_at.is_(None)
        )
    )
    return set(session.scalars(query))


def _about(session: Session, link: Link, ids: set[int]) -> tuple[str, ...]:
    """What some of the rows are about: the RFQ, the product, or their own number or name."""
    tables = TenantModel.metadata.tables
    query: sa.Select[Any]
    if "rfq_id" in link.table.c and link.table.name in {"quote", "rfq_invitation"}:
        rfq = tables["rfq"]
        shown = sa.func.concat_ws(" · ", rfq.c.number, rfq.c.title)
        query = sa.select(shown).join_from(link.table, rfq, rfq.c.id == link.table.c.rfq_id)
    elif "product_id" in link.table.c:
        product = tables["product"]
        query = sa.select(product.c.name).join_from(
            link.table, product, product.c.id == link.table.c.product_id
        )
    else:
        name = next((link.table.c[key] for key in ("number", "name") if key in link.table.c), link.table.c.id)
        query = sa.select(sa.cast(name, sa.Text))
    return tuple(
        session.scalars(query.where(link.table.c.id.in_(ids)).order_by(link.table.c.id).limit(NAMED))
    )


def _plural(table: str) -> str:
    words = humanize(table.removeprefix("supplier_").removeprefix("rfq_") if table != "rfq" else table)
    return f"{words[:-1]}ies" if words.endswith(("ty", "ry")) else f"{words}s"
