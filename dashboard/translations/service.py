"""Writes translations. The caller commits."""

from typing import Any

from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.records.values import clean
from dashboard.translations import languages, queries
from dashboard.translations.fields import demand_field, hash_of
from dashboard.translations.models import ContentTranslation

MAX_LENGTH = 20_000


def save(
    session: Session,
    entity: str,
    record: Any,
    language: str,
    field: str,
    text: str,
    *,
    source_hash: str = "",
    seen: str | None = None,
) -> ContentTranslation | None:
    """Store a field of a record in a language; no text removes it.

    `source_hash` is of the original the translator saw (default: as it is now): had it changed meanwhile,
    the translation is stale at once. `seen` is the translation the translator saw: ConflictError when
    somebody else has written another one since. Raises InvalidInputError for a field, language or length
    that cannot be.
    """
    language = demand_language(session, record, language)
    demand_field(entity, field)
    text = clean(text).replace("\r\n", "\n")
    if len(text) > MAX_LENGTH:
        raise InvalidInputError(f"A translation has at most {MAX_LENGTH:,} characters.")
    row = queries.find(session, entity, record.id, language, field)
    if not text:
        remove(session, row)
        return None
    if row is not None and seen is not None and row.text not in {seen.replace("\r\n", "\n"), text}:
        raise ConflictError("Somebody else has translated this text meanwhile.", fields={field: row.text})
    source_hash = source_hash or hash_of(getattr(record, field))
    if row is None:
        row = ContentTranslation(entity=entity, record_id=record.id, language=language, field=field)
        session.add(row)
    row.text, row.source_hash = text, source_hash
    session.flush()
    return row


def demand_language(session: Session, record: Any, language: str) -> str:
    """Return the language as it is stored. Raises InvalidInputError, also for the record's own language."""
    parsed = languages.parse(language)
    if parsed == languages.source_of(session, getattr(record, "org_id", None)):
        raise InvalidInputError(
            f"The record itself is written in {languages.name_of(parsed)}.", fix="Edit the record instead."
        )
    return parsed


def keep(session: Session, row: ContentTranslation, record: Any) -> None:
    """Say that a stale translation is still right: it belongs to the original as it is now."""
    row.source_hash = hash_of(getattr(record, row.field))
    session.flush()


def remove(session: Session, row: ContentTranslation | None) -> None:
    """Remove a translation, if there is one."""
    if row is not None:
        session.delete(row)
        session.flush()
