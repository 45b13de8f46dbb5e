"""Writes the log of operations."""

from typing import Any

from flask import g, has_request_context, request
from sqlalchemy.orm import Session

from dashboard.audit.models import Operation
from dashboard.core.db import db
from dashboard.core.people import current_user


def record_operation(
    action: str, target: str = "", *, tenant: str | None = None, actor: str = "", **detail: Any
) -> None:
    """Log what was done, at once and on its own: it stays even if the rest of the request fails.

    `action` reads `entity.verb`; `detail` must be JSON-safe and hold no secret.
    """
    in_request = has_request_context()
    if not actor:
        actor = current_user.email if in_request and current_user.is_authenticated else "system"
    entry = Operation(
        actor=actor,
        action=action,
        target=target,
        tenant=tenant,
        detail=detail,
        request_id=g.get("request_id", "") if in_request else "",
        ip=request.remote_addr if in_request else None,
    )
    with Session(db.engines["control"]) as session, session.begin():
        session.add(entry)
