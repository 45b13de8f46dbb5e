"""What each role may do, and the one rule that decides it."""

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

TENANT_DESKS = frozenset({"records", "insights"})


class Role(StrEnum):
    """The four roles an operator can be granted."""

    STAFF = "staff"
    MANAGER = "manager"
    DBA = "dba"
    ADMIN = "admin"

    @property
    def label(self) -> str:
        """The role as people say it."""
        return "DBA" if self is Role.DBA else self.value.capitalize()


class GrantRef(NamedTuple):
    """A role and the tenant it counts for; no tenant means all."""

    role: str
    tenant_slug: str | None = None


PATTERNS: dict[Role, tuple[str, ...]] = {
    Role.STAFF: ("records.*.*",),
    Role.MANAGER: ("records.*.view", "records.*.export", "records.*.history", "insights.*.*"),
    Role.DBA: ("database.*.*", "admin.tenants.*", "admin.settings.view"),
    Role.ADMIN: ("*.*.*",),
}
SUMMARIES: dict[Role, str] = {
    Role.STAFF: "sees and edits all records",
    Role.MANAGER: "reads the charts and reads and exports records",
    Role.DBA: "looks after the database: backups, replication, migrations, jobs, tenants; sees no records",
    Role.ADMIN: "may do everything, and manages operators where it counts for all tenants",
}


def matches(pattern: str, permission: str) -> bool:
    """Whether `desk.entity.action` fits the pattern; `*` stands for one whole part."""
    wanted, given = pattern.split("."), permission.split(".")
    return len(wanted) == len(given) and all(w in {"*", g} for w, g in zip(wanted, given, strict=True))


@lru_cache(maxsize=4096)
def roles_for(permission: str) -> tuple[Role, ...]:
    """Return the roles that include a permission."""
    return tuple(role for role, patterns in PATTERNS.items() if any(matches(p, permission) for p in patterns))


def is_allowed(grants: Iterable[GrantRef], permission: str, tenant_slug: str | None = None) -> bool:
    """Whether someone with these grants may do it.

    Records and Insights belong to a tenant: a grant for that tenant or for all counts. Everything else
    belongs to the installation: only grants for all tenants count. One's own account is always one's own.
    """
    if permission.startswith("self."):
        return True
    roles = roles_for(permission)
    in_tenant = permission.split(".", maxsplit=1)[0] in TENANT_DESKS
    return any(
        grant.role in roles
        and (grant.tenant_slug is None or (in_tenant and grant.tenant_slug == tenant_slug))
        for grant in grants
    )


def knows_tenant(grants: Iterable[GrantRef], tenant_slug: str) -> bool:
    """Whether any grant opens a desk of this tenant."""
    opening = {Role.STAFF, Role.MANAGER, Role.ADMIN}
    return any(g.role in opening and g.tenant_slug in {None, tenant_slug} for g in grants)


def explain(
    grants: Iterable[GrantRef], permission: str, tenant_slug: str | None = None, *, who: str = "you have"
) -> str:
    """Say in one sentence why it is allowed or not: who could give what is missing."""
    held = tuple(grants)
    if is_allowed(held, permission, tenant_slug):
        return f"{who.capitalize() if who.islower() else who} {_list(held)}, which allows {permission}."
    needed = " or ".join(role.label for role in roles_for(permission))
    if not needed:
        return f"{permission} is no permission; they read desk.entity.action, such as records.supplier.view."
    in_tenant = permission.split(".", maxsplit=1)[0] in TENANT_DESKS and tenant_slug
    where = f"for {tenant_slug} or for all tenants" if in_tenant else "for all tenants"
    return (
        f"{permission} needs the role {needed} {where}; {who} {_list(held)}. "
        "An administrator can grant it under Administration, Operators."
    )


def _list(grants: tuple[GrantRef, ...]) -> str:
    names = (f"{Role(grant.role).label} for {grant.tenant_slug or 'all tenants'}" for grant in grants)
    return ", ".join(names) or "no role"
