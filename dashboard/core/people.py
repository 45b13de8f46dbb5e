"""Names what the platform expects of the person of a request; the users feature provides it."""

from typing import Protocol, cast

import flask_login


class Person(Protocol):
    """Whoever opens a page; a stranger is not authenticated and may nothing."""

    email: str
    name: str
    timezone: str

    @property
    def is_authenticated(self) -> bool:
        """Whether the person has logged in."""

    def can(self, permission: str, tenant: str | None = None) -> bool:
        """Whether a grant includes the permission, in the tenant of this short name if one is given."""

    def knows_tenant(self, slug: str) -> bool:
        """Whether any grant reaches the tenant."""


current_user = cast("Person", flask_login.current_user)
