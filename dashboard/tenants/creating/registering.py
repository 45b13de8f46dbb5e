"""Writes a new tenant into the registry; two that ask for one name at a time wait for each other here."""

import re
import unicodedata
import zlib
from dataclasses import dataclass

from sqlalchemy import Connection, select, text
from sqlalchemy.dialects.postgresql import insert

from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.tenancy.models import Domain, Tenant, TenantRef, TenantStatus
from dashboard.tenants.creating import naming

COLOURS = ("#2563eb", "#0f766e", "#b45309", "#7c3aed", "#be123c", "#4d7c0f", "#0369a1", "#a21caf")
SLUG = re.compile(r"[a-z][a-z0-9-]{0,39}")
LONGEST_NAME = 120
# Old links still lead from a former short name to the tenant that had it.
FORMER = text(
    "SELECT 1 FROM public.tenant WHERE former_slugs ? :slug"
    " AND (former_slugs ->> :slug)::timestamptz > clock_timestamp()"
)
ATTEMPTS = 5


@dataclass(frozen=True)
class Wanted:
    """A tenant as it was asked for, checked."""

    name: str
    slug: str
    host: str


def wanted(name: str, slug: str, domain: str) -> Wanted:
    """Return what is asked for in its final form. Raises InvalidInputError for an unusable name or slug."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise InvalidInputError(
            "A tenant needs a name of 1 to 120 characters.", fields={"name": "1 to 120 characters."}
        )
    slug = slug or slug_of(name)
    if not SLUG.fullmatch(slug):
        message = "Lower-case letters, digits and hyphens; a letter first; 40 at most."
        raise InvalidInputError(
            f"The short name {slug!r} cannot be used. {message}", fields={"slug": message}
        )
    return Wanted(name, slug, domain or f"{slug}.localhost")


def slug_of(name: str) -> str:
    """Propose a short name: ASCII, lower case, hyphens; `tenant` when nothing of the name is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-0123456789")[:40].rstrip("-") or "tenant"


def register(connection: Connection, asked: Wanted) -> TenantRef:
    """Insert the tenant and its primary domain. Raises ConflictError for a taken slug or domain.

    Who comes second waits until the first has committed, and is told then.
    """
    ref = _insert_tenant(connection, asked)
    statement = insert(Domain).values(tenant_id=ref.id, host=asked.host, is_primary=True)
    if not connection.scalar(statement.on_conflict_do_nothing().returning(Domain.id)):
        message = f"The domain {asked.host!r} is taken by another tenant."
        raise ConflictError(message, fields={"domain": message})
    return ref


def _insert_tenant(connection: Connection, asked: Wanted) -> TenantRef:
    for _ in range(ATTEMPTS):
        _refuse_taken(connection, asked.slug)
        identity = naming.free_name(connection, asked.slug)
        values = {
            "name": asked.name,
            "slug": asked.slug,
            "schema_name": identity,
            "role_name": identity,
            "colour": _colour(asked.slug),
            "status": TenantStatus.ACTIVE.value,
        }
        statement = insert(Tenant).values(values).on_conflict_do_nothing().returning(Tenant.id)
        number = connection.scalar(statement)
        if number:
            return TenantRef(
                number, asked.slug, asked.name, identity, identity, values["colour"], values["status"]
            )
        # somebody was quicker: with the slug, which is refused above, or only with the schema's name
    raise ConflictError(f"The names that follow from {asked.slug!r} are being taken; try again.")


def _refuse_taken(connection: Connection, slug: str) -> None:
    if connection.scalar(select(Tenant.id).where(Tenant.slug == slug)):
        message = f"The short name {slug!r} is taken by another tenant."
    elif connection.scalar(FORMER, {"slug": slug}):
        message = f"The short name {slug!r} was another tenant's until not long ago; old links lead there."
    else:
        return
    raise ConflictError(message, fields={"slug": message})


def _colour(slug: str) -> str:
    return COLOURS[zlib.crc32(slug.encode()) % len(COLOURS)]
