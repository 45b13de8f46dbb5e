"""The mails operators get: what they say, and the links in them."""

import structlog
from sqlalchemy.exc import SQLAlchemyError

from dashboard.audit.service import record_operation
from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.core.errors import DashboardError
from dashboard.core.mail import send_mail
from dashboard.users import queries, service
from dashboard.users.models import Operator

log = structlog.get_logger()

INVITATION = """Hello {name},

{inviter} has invited you to Steward, the console of your company's ERP and its database.

Choose your password here, within 7 days:
{link}

You get this mail because {inviter} entered your address there. If you do not expect it, ignore it:
without a password nobody can log in.
"""
RESET = """Hello {name},

somebody, probably you, asked at Steward for a new password for {email}.

Choose it here, within one hour:
{link}

The link works once. If it was not you, ignore this mail: your password stays as it is.
"""


def send_invitation(operator: Operator, token: str, *, inviter: str) -> str:
    """Mail an invitation and return where it went. Raises UnavailableError."""
    text = INVITATION.format(name=operator.name, inviter=inviter, link=_link(token))
    return send_mail(operator.email, "Your invitation to Steward", text)


def send_reset(email: str) -> None:
    """Mail a link to a known, active operator; for anybody else do nothing. Commits by itself.

    It runs after the page was answered, so that neither answer nor time tells whether the address is known.
    """
    try:
        operator = queries.find_operator(email)
        if operator is None or not operator.is_active or service.has_too_many_resets(operator):
            return
        token = service.issue_token(operator, "reset")
        db.session.commit()
        record_operation("password.ask_reset", operator.email, actor=operator.email)
        text = RESET.format(name=operator.name, email=operator.email, link=_link(token))
        send_mail(operator.email, "A new password for Steward", text)
    except (DashboardError, SQLAlchemyError) as error:
        log.error("reset_mail_not_sent", error=str(error))  # noqa: TRY400  # expected kinds, no traceback needed


def _link(token: str) -> str:
    """A query string, since logs keep paths only."""
    return f"{get_settings().url}/set-password?token={token}"
