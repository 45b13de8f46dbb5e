"""Owns what became of the server: changes of its settings, and the messages of its log by group."""

from datetime import datetime

from sqlalchemy import BigInteger, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel


class SettingChange(ControlModel):
    """A setting that was different from the reading before; None where it was not there."""

    __tablename__ = "setting_change"
    __table_args__ = (Index("ix_setting_change_seen_at", "seen_at"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    seen_at: Mapped[datetime]
    server: Mapped[str]
    name: Mapped[str]
    old: Mapped[str | None]
    new: Mapped[str | None]
    unit: Mapped[str]
    source: Mapped[str]
    source_file: Mapped[str]
    pending_restart: Mapped[bool]


class ServerMessage(ControlModel):
    """Messages of the server's log that differ in their values only; values are left out."""

    __tablename__ = "server_message"
    __table_args__ = (Index("ix_server_message_last_at", "last_at"),)

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[str]
    message: Mapped[str]
    statement: Mapped[str]
    times: Mapped[int] = mapped_column(BigInteger)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
