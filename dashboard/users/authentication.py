"""Proves who somebody is: password at the door, link from a mail, change of password."""

from http import HTTPStatus
from typing import NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.sql import ColumnElement

from dashboard.audit.service import record_operation
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, DashboardError, InvalidInputError
from dashboard.users import passwords, queries, throttle
from dashboard.users.models import Operator, OperatorToken
from dashboard.users.sessions import revoke_all_sessions
from dashboard.users.tokens import hash_token


class TooManyTriesError(DashboardError):
    """The password was not even looked at; `wait_seconds` says when it will be again."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, wait_seconds: int) -> None:
        self.wait_seconds = wait_seconds
        minutes = -(-wait_seconds // 60)
        wait = f"{wait_seconds} seconds" if wait_seconds < 60 else f"{minutes} minutes"
        super().__init__(f"Too many tries. Wait {wait}, then try again.")


class Link(NamedTuple):
    """What a link from a mail is for."""

    operator: Operator
    purpose: str


def authenticate(email: str, password: str, *, ip: str) -> Operator | None:
    """Return the operator whose password this is, or None. Raises TooManyTriesError.

    An unknown, invited or deactivated account takes as long and gives the same answer as a wrong password.
    """
    address = email.strip().lower()
    attempt = _claim(address, ip)
    operator = queries.find_operator(address)
    if not _prove(attempt, operator, password):
        record_operation("login.fail", address, actor=address)
        return None
    assert operator is not None  # noqa: S101  # _prove is true for a stored hash only
    assert operator.password_hash is not None  # noqa: S101
    if passwords.needs_new_hash(operator.password_hash):
        operator.password_hash = passwords.hash_password(password)
    record_operation("login.succeed", address, actor=address)
    return operator


def change_password(operator: Operator, current: str, new: str, *, session_id: int, ip: str) -> int:
    """Change one's own password; all other sessions end. Returns how many did."""
    if not _prove(_claim(operator.email, ip), operator, current):
        raise InvalidInputError(
            "The current password is wrong.", fields={"current": "This is not your current password."}
        )
    _set_password(operator, new)
    record_operation("password.change", operator.email)
    return revoke_all_sessions(operator, except_id=session_id)


def find_link(token: str) -> Link | None:
    """Return what a link from a mail opens, or None when it is unknown, used, expired or void."""
    query = (
        select(Operator, OperatorToken.purpose)
        .join(OperatorToken, OperatorToken.operator_id == Operator.id)
        .where(OperatorToken.token_sha256 == hash_token(token), Operator.is_active, *_is_good())
    )
    row = db.session.execute(query).one_or_none()
    return Link(*row) if row else None


def set_password_by_link(token: str, password: str) -> Operator:
    """Use up a link and set the password; all sessions end. Raises ConflictError for a void link."""
    link = find_link(token)
    if link is None or not _use_up(token):
        raise ConflictError("This link was used already or has expired.", fix="Ask for a new one.")
    _set_password(link.operator, password)
    revoke_all_sessions(link.operator)
    record_operation("password.set", link.operator.email, actor=link.operator.email, by=link.purpose)
    return link.operator


def _claim(email: str, ip: str) -> throttle.Attempt:
    attempt = throttle.claim_attempt(email, ip)
    if attempt.is_refused:
        raise TooManyTriesError(attempt.wait_seconds)
    return attempt


def _prove(attempt: throttle.Attempt, operator: Operator | None, password: str) -> bool:
    may_log_in = operator is not None and operator.is_active
    stored = operator.password_hash if operator is not None and may_log_in else None
    if not passwords.verify_password(stored, password):
        return False
    throttle.confirm_attempt(attempt)
    return True


def _set_password(operator: Operator, password: str) -> None:
    weakness = passwords.find_weakness(password, operator.email)
    if weakness:
        raise InvalidInputError(weakness, fields={"password": weakness})
    operator.password_hash = passwords.hash_password(password)
    db.session.flush()


def _use_up(token: str) -> bool:
    """Mark the token as used; of two at the same moment one wins."""
    query = (
        update(OperatorToken)
        .where(OperatorToken.token_sha256 == hash_token(token), *_is_good())
        .values(used_at=func.now())
        .returning(OperatorToken.id)
    )
    return db.session.execute(query).one_or_none() is not None


def _is_good() -> tuple[ColumnElement[bool], ...]:
    return (OperatorToken.used_at.is_(None), OperatorToken.expires_at > func.now())
