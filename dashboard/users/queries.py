"""Reads of operators and their sessions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, bindparam, func, or_, select
from sqlalchemy.orm import selectinload

from dashboard.core.db import db
from dashboard.core.errors import NotFoundError
from dashboard.users.control import own_session
from dashboard.users.models import Grant, Operator, OperatorSession
from dashboard.users.roles import GrantRef, Role
from dashboard.users.tokens import hash_token

IDLE_LIMIT = timedelta(hours=12)


@dataclass(frozen=True)
class Identity:
    """Everything a request needs to know of its person, read in one query."""

    operator_id: int
    email: str
    name: str
    timezone: str
    locale: str
    session_id: int
    seconds_since_seen: float
    grants: tuple[GrantRef, ...]


def find_identity(token: str) -> Identity | None:
    """Read who a session token belongs to; None when it is unknown, expired, idle or revoked.

    Never cached: a revoked session or grant must end with the very next request. It gives its connection
    back at once, so that a page about a tenant holds none of the control database.
    """
    with own_session() as session:
        row = session.execute(_identity_query(), {"token": hash_token(token)}).one_or_none()
    if row is None:
        return None
    grants = tuple(GrantRef(role, slug) for role, slug in row.grants or ())
    return Identity(row.id, row.email, row.name, row.timezone, row.locale, row.session_id, row.seen, grants)


@lru_cache(maxsize=1)
def _identity_query() -> Select[Any]:
    held = (
        select(func.jsonb_agg(func.jsonb_build_array(Grant.role, Grant.tenant_slug)))
        .where(Grant.operator_id == Operator.id)
        .scalar_subquery()
    )
    seen = func.extract("epoch", func.now() - OperatorSession.last_seen_at)
    return (
        select(
            Operator.id,
            Operator.email,
            Operator.name,
            Operator.timezone,
            Operator.locale,
            OperatorSession.id.label("session_id"),
            seen.label("seen"),
            held.label("grants"),
        )
        .join(OperatorSession, OperatorSession.operator_id == Operator.id)
        .where(OperatorSession.token_sha256 == bindparam("token"), Operator.is_active, *_is_live())
    )


def _is_live() -> tuple[Any, ...]:
    return (
        OperatorSession.revoked_at.is_(None),
        OperatorSession.expires_at > func.now(),
        or_(OperatorSession.is_remembered, OperatorSession.last_seen_at > func.now() - IDLE_LIMIT),
    )


def get_operator(operator_id: int) -> Operator:
    """Return an operator with grants. Raises NotFoundError."""
    operator = db.session.get(Operator, operator_id, options=[selectinload(Operator.grants)])
    if operator is None:
        raise NotFoundError("There is no such operator.")
    return operator


def find_operator(email: str) -> Operator | None:
    """Return the operator with this address, in any case of letters."""
    return db.session.scalar(select(Operator).where(Operator.email == email.strip().lower()))


def list_operators() -> list[Operator]:
    """All operators with their grants, by name."""
    query = select(Operator).options(selectinload(Operator.grants)).order_by(Operator.name, Operator.id)
    return list(db.session.scalars(query))


def list_sessions(operator_id: int) -> list[OperatorSession]:
    """The sessions an operator could use right now, the latest first."""
    query = (
        select(OperatorSession)
        .where(OperatorSession.operator_id == operator_id, *_is_live())
        .order_by(OperatorSession.last_seen_at.desc(), OperatorSession.id.desc())
    )
    return list(db.session.scalars(query))


def last_seen_by_operator() -> dict[int, datetime]:
    """When each operator last used any session."""
    seen = func.max(OperatorSession.last_seen_at).label("seen")
    query = select(OperatorSession.operator_id, seen).group_by(OperatorSession.operator_id)
    return {row.operator_id: row.seen for row in db.session.execute(query)}


def count_admins() -> int:
    """Active administrators of the whole installation who can log in."""
    query = (
        select(func.count(Operator.id))
        .join(Grant)
        .where(
            Grant.role == Role.ADMIN,
            Grant.tenant_slug.is_(None),
            Operator.is_active,
            Operator.password_hash.is_not(None),
        )
    )
    return db.session.scalar(query) or 0
