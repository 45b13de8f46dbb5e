"""Owns the definitions behind each fingerprint, so that two groups of schemas can be compared."""

from datetime import datetime

from sqlalchemy import func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel


class SchemaDefinition(ControlModel):
    """What every schema with this fingerprint consists of."""

    __tablename__ = "schema_definition"

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    # [[kind, name, definition], …] sorted
    objects: Mapped[list[list[str]]] = mapped_column(JSONB, default=list, server_default=text("'[]'::jsonb"))
    seen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
