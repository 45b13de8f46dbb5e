"""Owns which operators can be asked and told: the active ones whose roles open the tenant's records."""

import re
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from dashboard.users.control import own_session
from dashboard.users.models import Operator
from dashboard.users.roles import GrantRef, is_allowed

SEES_RECORDS = "records.activity.view"
_MENTION = re.compile(r"(?<![\w@])@([\w.+-]+@[\w-]+(?:\.[\w-]+)+)")


@dataclass(frozen=True)
class Person:
    """Someone with access to the tenant."""

    email: str
    name: str


def list_people(tenant_slug: str, permission: str = SEES_RECORDS) -> list[Person]:
    """Everybody who may see records of the tenant, or has another permission there, by name.

    Read in a session of its own, so that the page's transaction stays the tenant's.
    """
    query = select(Operator).where(Operator.is_active).options(selectinload(Operator.grants))
    with own_session() as session:
        return [
            Person(operator.email, operator.name)
            for operator in session.scalars(query.order_by(Operator.name, Operator.id))
            if is_allowed(_grants(operator), permission, tenant_slug)
        ]


def _grants(operator: Operator) -> list[GrantRef]:
    return [GrantRef(grant.role, grant.tenant_slug) for grant in operator.grants]


def mentioned(text: str) -> list[str]:
    """The addresses a text names as @address, in lower case, each once."""
    return list(dict.fromkeys(address.lower().rstrip(".") for address in _MENTION.findall(text)))
