"""Reads translations: for documents, for a record's panel, and how complete each language is."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.audit.models import RowHistory
from dashboard.core.db import TenantModel
from dashboard.records.columns import label_name
from dashboard.translations import languages
from dashboard.translations.fields import demand_field, fields_of, hash_of, table_of
from dashboard.translations.models import ContentTranslation

MISSING, STALE, DONE = "missing", "stale", "current"
PAGE = 100


@dataclass(frozen=True)
class Text:
    """A field of one record in one language; `state` is missing, stale or current."""

    field: str
    source: str
    source_hash: str
    text: str
    state: str
    translated_from: str = ""
    """What the original said when it was translated, where the history still knows."""


class Progress(NamedTuple):
    """How far one field of an entity is in one language; counts of records that have a text at all."""

    entity: str
    field: str
    language: str
    total: int
    done: int
    stale: int

    @property
    def missing(self) -> int:
        """Records without a translation."""
        return self.total - self.done - self.stale

    @property
    def percent(self) -> int:
        """Share of current translations, rounded down: 100 means all of them."""
        return self.done * 100 // self.total if self.total else 100


class Gap(NamedTuple):
    """A text that waits for a translator."""

    record_id: int
    label: str
    field: str
    source: str
    text: str
    state: str


def translated(
    session: Session, entity: str, ids: Collection[int], field: str, language: str
) -> dict[int, str]:
    """The field of records in a language: `pt-BR`, else `pt`, else the original ("" where it is empty).

    A stale translation counts: its reader understands it, and the original perhaps not.
    """
    demand_field(entity, field)
    table = table_of(entity)
    wanted = list(ids)
    rows = session.execute(select(table.c.id, table.c[field]).where(table.c.id.in_(wanted)))
    found = {int(row_id): str(text or "") for row_id, text in rows}
    order = languages.chain(language)
    query = select(ContentTranslation.record_id, ContentTranslation.language, ContentTranslation.text).where(
        ContentTranslation.entity == entity,
        ContentTranslation.field == field,
        ContentTranslation.language.in_(order),
        ContentTranslation.record_id.in_(wanted),
    )
    best = sorted(session.execute(query).all(), key=lambda row: order.index(row.language), reverse=True)
    return found | {row.record_id: row.text for row in best if found.get(row.record_id)}


def texts_of(session: Session, entity: str, record: Any, language: str) -> list[Text]:
    """The translatable fields of a record in one language; fields without an original are left out."""
    rows = {row.field: row for row in _rows(session, entity, record.id) if row.language == language}
    found = []
    for field in fields_of(entity):
        source = str(getattr(record, field) or "")
        if source.strip():
            found.append(_text(session, field, source, rows.get(field)))
    return found


def _text(session: Session, field: str, source: str, row: ContentTranslation | None) -> Text:
    now = hash_of(source)
    if row is None:
        return Text(field, source, now, "", MISSING)
    if row.source_hash == now:
        return Text(field, source, now, row.text, DONE)
    return Text(field, source, now, row.text, STALE, _former_source(session, row))


def _former_source(session: Session, row: ContentTranslation) -> str:
    """The original as it was translated, found in the row history by its hash."""
    changes = session.execute(
        select(RowHistory.old[row.field].astext, RowHistory.new[row.field].astext).where(
            RowHistory.table_name == row.entity,
            RowHistory.record_id == row.record_id,
            sa.or_(RowHistory.old.has_key(row.field), RowHistory.new.has_key(row.field)),
        )
    )
    former = (text for pair in changes for text in pair if text and hash_of(text) == row.source_hash)
    return next(former, "")


def states_of(session: Session, entity: str, record: Any) -> dict[str, str]:
    """The worst state of a record's fields by language, of the languages it has any translation in."""
    now = {field: hash_of(getattr(record, field)) for field in fields_of(entity)}
    full = sum(1 for field in now if str(getattr(record, field) or "").strip())
    found: dict[str, list[bool]] = {}
    for row in _rows(session, entity, record.id):
        found.setdefault(row.language, []).append(row.source_hash == now.get(row.field))
    return {
        language: STALE if not all(current) else DONE if len(current) >= full else MISSING
        for language, current in found.items()
    }


def _rows(session: Session, entity: str, record_id: int) -> list[ContentTranslation]:
    query = select(ContentTranslation).where(
        ContentTranslation.entity == entity, ContentTranslation.record_id == record_id
    )
    return list(session.scalars(query))


def find(
    session: Session, entity: str, record_id: int, language: str, field: str
) -> ContentTranslation | None:
    """One translation."""
    return session.scalars(
        select(ContentTranslation).filter_by(
            entity=entity, record_id=record_id, language=language, field=field
        )
    ).one_or_none()


def progress(session: Session, entity: str, wanted: Collection[str]) -> list[Progress]:
    """How complete an entity is in each language: two queries for each of its fields."""
    found = []
    for field in fields_of(entity):
        totals = _totals(session, entity, field)
        counts = _counts(session, entity, field)
        for language in wanted:
            total = sum(count for source, count in totals.items() if source != language)
            found.append(Progress(entity, field, language, total, *counts.get(language, (0, 0))))
    return found


class _Shape(NamedTuple):
    """The live records of an entity that have a text, and the language each is written in."""

    table: sa.Table
    joined: Any
    source: Any
    conditions: list[Any]


def _shape(entity: str, field: str) -> _Shape:
    table = table_of(entity)
    conditions = [func.btrim(table.c[field]) != ""]
    if "deleted_at" in table.c:
        conditions.append(table.c.deleted_at.is_(None))
    if "org_id" not in table.c:
        return _Shape(table, table, sa.literal(""), conditions)
    organization = TenantModel.metadata.tables["organization"]
    joined = table.join(organization, organization.c.id == table.c.org_id)
    return _Shape(table, joined, languages.source_in_sql(organization.c.locale), conditions)


def _totals(session: Session, entity: str, field: str) -> Mapping[str, int]:
    shape = _shape(entity, field)
    query = select(shape.source, func.count()).select_from(shape.joined).where(*shape.conditions)
    return {str(source): int(count) for source, count in session.execute(query.group_by(shape.source))}


def _is_current(table: sa.Table, field: str) -> Any:
    """`hash_of` in SQL: whether a translation belongs to the text as it is now."""
    digest = func.encode(func.sha256(func.convert_to(table.c[field], "UTF8")), "hex")
    return ContentTranslation.source_hash == digest


def _belongs(table: sa.Table, entity: str, field: str) -> Any:
    return sa.and_(
        ContentTranslation.record_id == table.c.id,
        ContentTranslation.entity == entity,
        ContentTranslation.field == field,
    )


def _counts(session: Session, entity: str, field: str) -> Mapping[str, tuple[int, int]]:
    shape = _shape(entity, field)
    current = _is_current(shape.table, field)
    query = (
        select(
            ContentTranslation.language,
            func.count().filter(current),
            func.count().filter(sa.not_(current)),
        )
        .select_from(shape.joined.join(ContentTranslation, _belongs(shape.table, entity, field)))
        .where(*shape.conditions, shape.source != ContentTranslation.language)
        .group_by(ContentTranslation.language)
    )
    return {language: (int(done), int(stale)) for language, done, stale in session.execute(query)}


def gaps(session: Session, entity: str, field: str, language: str, after: int = 0) -> list[Gap]:
    """What is missing or stale, by number, at most PAGE and one more (to tell that there are more)."""
    demand_field(entity, field)
    shape = _shape(entity, field)
    table = shape.table
    fits = sa.and_(_belongs(table, entity, field), ContentTranslation.language == language)
    waiting = sa.or_(ContentTranslation.id.is_(None), sa.not_(_is_current(table, field)))
    label = table.c[label_name(_model(table))]
    query = (
        select(table.c.id, label, table.c[field], ContentTranslation.text)
        .select_from(shape.joined.outerjoin(ContentTranslation, fits))
        .where(*shape.conditions, shape.source != language, waiting, table.c.id > after)
        .order_by(table.c.id)
        .limit(PAGE + 1)
    )
    return [
        Gap(row_id, str(name), field, source, text or "", STALE if text else MISSING)
        for row_id, name, source, text in session.execute(query)
    ]


def _model(table: sa.Table) -> type[Any]:
    mappers = TenantModel.registry.mappers
    found: type[Any] = next(mapper.class_ for mapper in mappers if mapper.local_table is table)
    return found
