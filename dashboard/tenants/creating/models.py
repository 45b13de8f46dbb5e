"""Owns the DDL of a whole tenant at a revision, as rendered from a migrated template."""

from datetime import datetime

from sqlalchemy import Text, func
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import SharedModel


class TenantBlueprint(SharedModel):
    """DDL with placeholders for schema and role; `code_hash` says of which migration files it was made."""

    __tablename__ = "tenant_blueprint"

    revision: Mapped[str] = mapped_column(Text, primary_key=True)
    code_hash: Mapped[str] = mapped_column(Text)
    ddl: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
