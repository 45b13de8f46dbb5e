"""Logins: starts, renews and ends them. The browser holds a random token, the control database its hash."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Update, func, update

from dashboard.audit.service import record_operation
from dashboard.core.db import db
from dashboard.core.errors import NotFoundError
from dashboard.users.control import own_session
from dashboard.users.models import Operator, OperatorSession
from dashboard.users.tokens import hash_token, new_token

ABSOLUTE_LIMIT = timedelta(days=30)
SEEN_EVERY_SECONDS = 60


def start_session(operator: Operator, *, ip: str, user_agent: str, is_remembered: bool = False) -> str:
    """Open a session and return its token, which is shown to nobody else again."""
    token = new_token()
    db.session.add(
        OperatorSession(
            operator_id=operator.id,
            token_sha256=hash_token(token),
            expires_at=datetime.now(UTC) + ABSOLUTE_LIMIT,
            is_remembered=is_remembered,
            ip=ip[:45],
            user_agent=user_agent[:300],
        )
    )
    operator.last_login_at = datetime.now(UTC)
    db.session.flush()
    return token


def touch_session(session_id: int) -> None:
    """Note that a session is in use. Commits by itself: a page that only reads commits nothing."""
    query = update(OperatorSession).where(OperatorSession.id == session_id)
    with own_session() as session, session.begin():
        session.execute(query.values(last_seen_at=func.now()))


def end_session(session_id: int) -> None:
    """End the session of somebody who logs out."""
    _revoke(update(OperatorSession).where(OperatorSession.id == session_id))


def revoke_session(operator: Operator, session_id: int) -> None:
    """End one session of an operator. Raises NotFoundError for another person's."""
    query = update(OperatorSession).where(
        OperatorSession.id == session_id,
        OperatorSession.operator_id == operator.id,
        OperatorSession.revoked_at.is_(None),
    )
    if not _revoke(query):
        raise NotFoundError("There is no such session, or it has ended already.")
    record_operation("session.revoke", operator.email, sessions=1)


def revoke_all_sessions(operator: Operator, *, except_id: int | None = None) -> int:
    """End all sessions of an operator but one, and return how many that were."""
    query = update(OperatorSession).where(
        OperatorSession.operator_id == operator.id, OperatorSession.revoked_at.is_(None)
    )
    if except_id is not None:
        query = query.where(OperatorSession.id != except_id)
    count = _revoke(query)
    if count:
        record_operation("session.revoke", operator.email, sessions=count)
    return count


def _revoke(query: Update) -> int:
    result = db.session.execute(query.values(revoked_at=func.now()))
    return int(result.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it
