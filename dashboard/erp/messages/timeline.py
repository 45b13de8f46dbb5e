"""Owns the messages in the timeline of suppliers, RFQs and orders."""

from datetime import datetime
from typing import Any

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.erp.messages.models import Direction, Message
from dashboard.records import history
from dashboard.records.history import Entry, Source
from dashboard.records.spec import Spec
from dashboard.records.urls import record_url

KEYS = {"supplier": Message.supplier_id, "rfq": Message.rfq_id, "purchase_order": Message.order_id}


def init_app(app: Flask) -> None:
    """Add messages as a kind of entry."""
    history.add_source(app, Source("mail", "Mail", "mail", _messages))


def _messages(session: Session, spec: Spec, record: Any, before: datetime | None, limit: int) -> list[Entry]:
    key = KEYS.get(spec.entity)
    if key is None:
        return []
    query = select(Message).where(key == record.id, Message.deleted_at.is_(None))
    if before is not None:
        query = query.where(Message.sent_at < before)
    rows = session.scalars(query.order_by(Message.sent_at.desc(), Message.id.desc()).limit(limit))
    return [_entry(message) for message in rows]


def _entry(message: Message) -> Entry:
    inbound = message.direction == Direction.INBOUND
    text = message.body if len(message.body) <= 500 else f"{message.body[:499]}…"
    return Entry(
        "mail",
        message.sent_at,
        (message.address or "Supplier") if inbound else (message.created_by or ""),
        "wrote" if inbound else f"wrote to {message.address}" if message.address else "noted a message",
        f"{text}\n\nNot delivered: {message.delivery_error}" if message.delivery_error else text,
        title=message.subject or "Message",
        url=record_url("message", message.id),
    )
