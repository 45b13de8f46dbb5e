"""Operators and what they may do: creates, invites, grants, deactivates."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from sqlalchemy import func, select, text, update

from dashboard.audit.service import record_operation
from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.users import queries, roles
from dashboard.users.models import Grant, Operator, OperatorToken
from dashboard.users.passwords import find_weakness, generate_password, hash_password
from dashboard.users.roles import GrantRef, Role
from dashboard.users.sessions import revoke_all_sessions
from dashboard.users.tokens import hash_token, new_token

GrantPair = tuple[str, str | None]
LIFETIMES = {"invite": timedelta(days=7), "reset": timedelta(hours=1)}
MAX_RESETS_PER_HOUR = 3
SPECIAL_USE_DOMAIN_NAMES.clear()  # companies do run mail on names such as .local


def normalise_email(email: str) -> str:
    """Return the address in the form it is stored. Raises InvalidInputError."""
    try:
        # The local part is lowered too: nobody runs mailboxes that differ only in case.
        return validate_email(
            email.strip(), check_deliverability=False, globally_deliverable=False
        ).normalized.lower()
    except EmailNotValidError as error:
        raise InvalidInputError(
            "This is not an e-mail address.", fields={"email": f"This is not an e-mail address: {error}"}
        ) from error


def create_operator(email: str, name: str, password: str | None, grants: Iterable[GrantPair]) -> Operator:
    """Add an operator; without a password they cannot log in until they are invited. The caller commits.

    Raises InvalidInputError for an unknown role or a bad address, ConflictError when it is taken.
    """
    address = normalise_email(email)
    if queries.find_operator(address):
        message = f"{address} is already an operator."
        raise ConflictError(message, fields={"email": message})
    operator = Operator(
        email=address,
        name=name.strip() or address.split("@")[0],
        password_hash=hash_password(password) if password else None,
        grants=[_new_grant(role, slug) for role, slug in dict.fromkeys(grants)],
    )
    db.session.add(operator)
    db.session.flush()
    record_operation("operator.create", address, grants=[grant.title for grant in operator.grants])
    return operator


def bootstrap_admin(email: str, password: str | None = None) -> tuple[str, bool]:
    """Create the first administrator. Returns (password, True), or ("", False) when operators exist.

    It is generated where none is given; in production a given one must be strong. The caller commits.
    """
    _lock_admins()
    if db.session.scalar(select(func.count(Operator.id))):
        return "", False
    chosen = password or generate_password()
    weakness = find_weakness(chosen, email) if get_settings().env == "production" else ""
    if weakness:
        raise InvalidInputError(f"The administrator's password is too weak. {weakness}")
    create_operator(email, "Administrator", chosen, [(Role.ADMIN, None)])
    return chosen, True


def add_grant(operator: Operator, role: str, tenant_slug: str | None) -> None:
    """Give a role, for one tenant or for all. Raises ConflictError when it is held already."""
    grant = _new_grant(role, tenant_slug)
    if any((g.role, g.tenant_slug) == (grant.role, grant.tenant_slug) for g in operator.grants):
        raise ConflictError(f"{operator.name} already has the role {grant.title}.")
    operator.grants.append(grant)
    db.session.flush()
    record_operation("grant.add", operator.email, tenant=tenant_slug, role=role)


def remove_grant(operator: Operator, grant_id: int, *, by_operator_id: int) -> Grant:
    """Take a role away. Refuses to remove the last administrator, or one's own administration."""
    _lock_admins()
    grant = next((grant for grant in operator.grants if grant.id == grant_id), None)
    if grant is None:
        raise ConflictError("This role was already taken away.")
    is_own = operator.id == by_operator_id
    if _opens_everything(grant) and is_own:
        raise ConflictError("You cannot take this role from yourself; another administrator can.")
    operator.grants.remove(grant)
    db.session.flush()
    if _opens_everything(grant):
        _demand_an_admin()
    record_operation("grant.remove", operator.email, tenant=grant.tenant_slug, role=grant.role)
    return grant


def deactivate(operator: Operator, *, by_operator_id: int) -> int:
    """Lock an operator out at once: no login, sessions ended, links void. Returns the sessions ended."""
    _lock_admins()
    if operator.id == by_operator_id:
        raise ConflictError("You cannot deactivate yourself; another administrator can.")
    operator.is_active = False
    db.session.flush()
    _demand_an_admin()
    _void_tokens(operator.id)
    count = revoke_all_sessions(operator)
    record_operation("operator.deactivate", operator.email)
    return count


def reactivate(operator: Operator) -> None:
    """Let an operator in again, with the password and roles they had."""
    operator.is_active = True
    db.session.flush()
    record_operation("operator.reactivate", operator.email)


def update_profile(operator: Operator, *, name: str, timezone: str) -> None:
    """Change what a person says of themselves."""
    operator.name, operator.timezone = name.strip(), timezone
    db.session.flush()


def issue_token(operator: Operator, purpose: str) -> str:
    """Return a new single-use token; earlier ones of this operator stop working."""
    _void_tokens(operator.id)
    token = new_token()
    expires_at = datetime.now(UTC) + LIFETIMES[purpose]
    db.session.add(
        OperatorToken(
            operator_id=operator.id, purpose=purpose, token_sha256=hash_token(token), expires_at=expires_at
        )
    )
    db.session.flush()
    return token


def has_too_many_resets(operator: Operator) -> bool:
    """Whether so many reset mails went out within the hour that another would be a nuisance."""
    since = func.now() - func.make_interval(0, 0, 0, 0, 1)
    query = select(func.count(OperatorToken.id)).where(
        OperatorToken.operator_id == operator.id,
        OperatorToken.purpose == "reset",
        OperatorToken.created_at > since,
    )
    return (db.session.scalar(query) or 0) >= MAX_RESETS_PER_HOUR


def operator_can(email: str, permission: str, tenant_slug: str | None = None) -> bool:
    """Whether an operator may do something now; jobs ask again when they run. Unknown or inactive: no."""
    operator = queries.find_operator(email)
    if operator is None or not operator.is_active:
        return False
    return roles.is_allowed(grant_refs(operator), permission, tenant_slug)


def explain(email: str, permission: str, tenant_slug: str | None = None) -> str:
    """Answer "why can I not see this" in a sentence."""
    operator = queries.find_operator(email)
    if operator is None:
        return f"{email} is not an operator."
    if not operator.is_active:
        return f"{operator.name} is deactivated."
    return roles.explain(grant_refs(operator), permission, tenant_slug, who=f"{operator.name} has")


def grant_refs(operator: Operator) -> tuple[GrantRef, ...]:
    """Return the grants as plain values."""
    return tuple(GrantRef(grant.role, grant.tenant_slug) for grant in operator.grants)


def _new_grant(role: str, tenant_slug: str | None) -> Grant:
    if role not in set(Role):
        raise InvalidInputError(f"There is no role {role}.", fields={"role": f"There is no role {role}."})
    return Grant(role=str(role), tenant_slug=tenant_slug or None)


def _opens_everything(grant: Grant) -> bool:
    return grant.role == Role.ADMIN and grant.tenant_slug is None


def _lock_admins() -> None:
    """Serialise changes of administrators, so that two cannot remove each other in the same moment."""
    db.session.execute(
        text("SELECT pg_advisory_xact_lock(hashtext('steward.admins'))"),
        bind_arguments={"bind": db.engines["control"]},
    )


def _demand_an_admin() -> None:
    if not queries.count_admins():
        raise ConflictError("This is the last administrator. Make somebody else administrator first.")


def _void_tokens(operator_id: int) -> None:
    query = update(OperatorToken).where(
        OperatorToken.operator_id == operator_id, OperatorToken.used_at.is_(None)
    )
    db.session.execute(query.values(used_at=func.now()))
