"""Owns saved views: a list's search, filters, order and columns under a name."""

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import TenantModel
from dashboard.core.tables import Record, Words, not_blank


class SavedView(Record, TenantModel):
    """One view of a list. `owner` is the e-mail of who saved it; a shared one is offered to everybody."""

    __tablename__ = "saved_view"
    __table_args__ = (
        *not_blank("entity", "owner", "name"),
        Index("uq_saved_view_name", "entity", "owner", "name", unique=True),
        Index("uq_saved_view_layout", "entity", "owner", unique=True, postgresql_where=text("is_layout")),
        Index("uq_saved_view_default", "entity", "owner", unique=True, postgresql_where=text("is_default")),
    )

    entity: Mapped[Words]
    owner: Mapped[Words]
    name: Mapped[Words]
    query: Mapped[Words]
    """What stands behind the `?` of the list's address."""
    is_shared: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    is_default: Mapped[bool] = mapped_column(default=False, server_default=text("false"))

    is_layout: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Not a view to choose, but the columns and density its owner last gave the list."""

    def __str__(self) -> str:
        return self.name
