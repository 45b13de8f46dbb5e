"""Owns that files of a sealed bid stay hidden until the bids are opened."""

from datetime import datetime

from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from dashboard.core.filters import viewer_zone
from dashboard.files.service import add_guard

# Every request the quote ever belonged to counts: moving it to an open one must not show its files.
# The seal decides, not the deadline on the request, which people can edit.
SEALS = text("""
    WITH requests AS (
        SELECT rfq_id FROM quote WHERE id = :quote
        UNION
        SELECT (change ->> 'rfq_id')::bigint
        FROM row_history, LATERAL (VALUES (old), (new)) AS both_states (change)
        WHERE table_name = 'quote' AND record_id = :quote AND change ? 'rfq_id'
    )
    SELECT s.opens_at
    FROM requests JOIN rfq r ON r.id = requests.rfq_id LEFT JOIN rfq_seal s ON s.rfq_id = r.id
    WHERE CASE WHEN s.rfq_id IS NULL THEN r.sealed ELSE s.opens_at > clock_timestamp() END
    ORDER BY s.opens_at DESC NULLS FIRST LIMIT 1
""")


def init_app(app: Flask) -> None:
    """Guard the files of quotes."""
    add_guard(app, "quote", sealed_reason)


def sealed_reason(session: Session, record_id: int) -> str:
    """Why a quote's files are hidden now; empty once its bids are open."""
    seal = session.execute(SEALS, {"quote": record_id}).one_or_none()
    if seal is None:
        return ""
    opens_at: datetime | None = seal.opens_at
    if opens_at is None:
        return "The request is sealed: files of its bids are shown once the bids are opened."
    return f"Files of this bid are sealed until {opens_at.astimezone(viewer_zone()):%d %b %Y, %H:%M}."
