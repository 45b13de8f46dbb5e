"""Owns the metadata of attached files; their bytes lie in the configured store."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import TenantModel
from dashboard.core.tables import Key, Record, Restorable, Words, check, not_blank, positive


class Attachment(Record, Restorable, TenantModel):
    """One version of a file on a record. `size` is in bytes; a newer version names the one it replaces."""

    __tablename__ = "attachment"
    __table_args__ = (
        *not_blank("entity", "file_name", "content_type", "storage_key"),
        *positive("revision"),
        check("size_not_negative", "size >= 0"),
        check("sha256_shape", "sha256 ~ '^[0-9a-f]{64}$'"),
        check("scan_known", "scan IN ('not_scanned', 'clean', 'infected')"),
        UniqueConstraint("storage_key"),
        Index("ix_attachment_record", "entity", "record_id", "id"),
        Index("uq_attachment_replaces_id", "replaces_id", unique=True),
    )

    entity: Mapped[Words]
    record_id: Mapped[Key]
    file_name: Mapped[Words]
    content_type: Mapped[Words]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[Words]
    storage_key: Mapped[Words]
    revision: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    replaces_id: Mapped[Key | None] = mapped_column(ForeignKey("attachment.id"))
    scan: Mapped[Words] = mapped_column(default="not_scanned", server_default="not_scanned")
    scanned_at: Mapped[datetime | None]
    from_supplier: Mapped[bool] = mapped_column(default=False, server_default=text("false"))

    def __str__(self) -> str:
        return self.file_name
