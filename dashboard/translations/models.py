"""Owns one text per record, field and language, with the hash of the text it translates."""

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from dashboard.core.db import TenantModel
from dashboard.core.tables import Key, Record, Words, check, not_blank


class ContentTranslation(Record, TenantModel):
    """A field in another language; stale once the hash of the original text is another one."""

    __tablename__ = "content_translation"
    __table_args__ = (
        UniqueConstraint("entity", "record_id", "language", "field"),
        *not_blank("entity", "field", "text"),
        check("language_shape", "language ~ '^[a-z]{2,3}([-_][A-Za-z0-9]+)*$'"),
        Index("ix_content_translation_language", "entity", "field", "language"),
    )

    entity: Mapped[Words]
    record_id: Mapped[Key]
    language: Mapped[Words]
    field: Mapped[Words]
    text: Mapped[Words]
    source_hash: Mapped[Words]

    def __str__(self) -> str:
        return self.text
