"""Writes a new tenant into the registry; two that ask for one name at a time wait for each other here."""

import re
import unicodedata
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, select, text

from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.schema_migrations.service import MigrationError
from dashboard.tenancy.models import Tenant, TenantRef, TenantStatus
from dashboard.tenants.creating import blueprint as blueprints
from dashboard.tenants.creating import naming, pool
from dashboard.tenants.creating.locking import TRY_SCHEMA

COLOURS = ("#2563eb", "#0f766e", "#b45309", "#7c3aed", "#be123c", "#4d7c0f", "#0369a1", "#a21caf")
SLUG = re.compile(r"[a-z][a-z0-9-]{0,39}")
LONGEST_NAME = 120
# Old links still lead from a former short name to the tenant that had it.
FORMER = text(
    "SELECT 1 FROM public.tenant WHERE former_slugs <> '{}' AND jsonb_exists(former_slugs, :slug)"
    " AND (former_slugs ->> :slug)::timestamptz > clock_timestamp()"
)
REGISTER = text(
    (Path(__file__).with_name("sql") / "register.sql")
    .read_text()
    .format(usable=pool.USABLE, try_schema=TRY_SCHEMA.format("schema_name"))
)


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


@dataclass(frozen=True)
class Registered:
    """A tenant in the registry, and the spare that is its own from now on and waits for its name."""

    ref: TenantRef
    spare: str | None


def slug_of(name: str) -> str:
    """Propose a short name: ASCII, lower case, hyphens; `tenant` when nothing of the name is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-0123456789")[:40].rstrip("-") or "tenant"


def register(connection: Connection, asked: Wanted, actor: str) -> Registered:
    """Insert the tenant and its primary domain, and give it a spare. Raises ConflictError for what is taken.

    Who comes second waits until the first has committed, and is told then. MigrationError in a process of a
    former release, after a rollout.
    """
    values: dict[str, Any] = {
        "name": asked.name,
        "slug": asked.slug,
        "host": asked.host,
        "colour": _colour(asked.slug),
        "status": TenantStatus.ACTIVE.value,
        "actor": actor,
        "known": list(blueprints.known_revisions()),
        **pool.release(),
    }
    for wished in naming.candidates(asked.slug):
        row = connection.execute(REGISTER, values | {"wished": wished}).one_or_none()
        if row is None:  # for its slug, or only for the name it wished for
            _refuse_taken(connection, asked.slug)
            continue
        _refuse(connection, row, asked)
        names = asked.slug, asked.name, row.schema_name, row.role_name
        return Registered(TenantRef(row.id, *names, values["colour"], values["status"]), row.spare)
    raise ConflictError(f"The names that follow from {asked.slug!r} are being taken; try again.")


def _refuse(connection: Connection, row: Row[Any], asked: Wanted) -> None:
    """After a rollout a process of the former release would make a tenant that is left behind for good.

    During one it may: the run takes schemas along that appeared meanwhile.
    """
    if row.are_others_ahead and not pool.is_fleet_moving(connection):
        raise MigrationError(
            "The tenants stand at a migration this process does not know: it is of an older release.",
            fix="Restart it with the current release, then try again.",
        )
    if row.domain_id is None:
        message = f"The domain {asked.host!r} is taken by another tenant."
        raise ConflictError(message, fields={"domain": message})


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
