"""Renames a tenant: name, short name, domain, owner, colour. Schema, role and files keep theirs for ever.

What belongs to a tenant in the control database is found by its short name, so it follows: roles of people,
runs of jobs, journeys of the time machine, dumps, archives. The log of operations stays as it was written.
People get the new name's roles before the registry changes and lose the old one's after: killed in between,
nobody is locked out, and the job goes on where it stopped.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from dashboard.backups.copies.models import BackupCopy, CopyKind
from dashboard.core.db import db
from dashboard.core.errors import ConflictError
from dashboard.jobs.models import ACTIVE, JobRun
from dashboard.jobs.store import control_transaction
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import Domain, Tenant, TenantRef
from dashboard.tenants.lifecycle.models import TenantArchive
from dashboard.tenants.rewinding.models import Rewind
from dashboard.users.models import Grant

LED_ON = timedelta(days=90)


@dataclass(frozen=True)
class Names:
    """What a tenant is to be called; an empty domain leaves the domains alone."""

    name: str
    slug: str
    owner_email: str
    colour: str
    domain: str = ""
    keep_domain: bool = True


def rename(tenant: TenantRef, names: Names) -> None:
    """Do all of it, or what is left of it. Raises ConflictError for a short name or host that is taken."""
    try:
        if names.slug != tenant.slug:
            refuse_while_busy(tenant.slug)
            check_free(tenant.id, names.slug)
            _lend_grants(tenant.slug, names.slug)
        _register(tenant.id, names)
    except BaseException:
        settle(tenant.id, tenant.slug, names.slug)
        raise
    settle(tenant.id, tenant.slug, names.slug)


def settle(tenant_id: int, old: str, new: str) -> None:
    """Make the control database agree with the registry, whichever of the two names that holds."""
    tenancy.forget()
    with Session(db.engine) as session:
        slug = session.scalar(select(Tenant.slug).where(Tenant.id == tenant_id))
        is_new_taken = session.scalar(select(Tenant.id).where(Tenant.slug == new)) is not None
    if old == new:
        return
    if slug == new:
        _follow(tenant_id, old, new)
        return
    lent = delete(Grant).where(Grant.tenant_slug == new)
    if is_new_taken:  # by another tenant meanwhile, whose own people keep their roles
        mine = select(Grant.operator_id, Grant.role, Grant.granted_at).where(Grant.tenant_slug == old)
        lent = lent.where(tuple_(Grant.operator_id, Grant.role, Grant.granted_at).in_(mine))
    with control_transaction() as control:
        control.execute(lent)


def check_free(tenant_id: int, slug: str) -> None:
    """Raise ConflictError when another tenant has, or until lately had, this short name."""
    tenancy.forget()
    holder = next((one for one in tenancy.list_tenants() if one.slug == slug), None)
    former = tenancy.find_former(slug)
    taken = holder or former
    if taken is not None and taken.id != tenant_id:
        verb = "has" if holder else "had until lately"
        message = f"{taken.name} {verb} the short name {slug}."
        raise ConflictError(message, fields={"slug": message})


def refuse_while_busy(slug: str) -> None:
    """Raise ConflictError while a job is at work that knows the tenant by its short name."""
    query = select(JobRun.title).where(JobRun.tenant == slug, JobRun.status.in_(ACTIVE))
    with control_transaction() as session:
        busy = list(session.scalars(query.distinct()))
    if busy:
        raise ConflictError(
            f"Jobs of it are under way: {', '.join(busy)}.", fix="Wait until they have ended, or cancel them."
        )


def _lend_grants(old: str, new: str) -> None:
    """Everybody holds their roles under both names for a moment."""
    source = select(Grant.operator_id, Grant.role, literal(new), Grant.granted_at).where(
        Grant.tenant_slug == old
    )
    table = insert(Grant).from_select(["operator_id", "role", "tenant_slug", "granted_at"], source)
    with control_transaction() as session:
        session.execute(table.on_conflict_do_nothing())


def _register(tenant_id: int, names: Names) -> None:
    with Session(db.engines["owner"]) as session, session.begin():
        row = session.get_one(Tenant, tenant_id, with_for_update=True)
        if row.slug != names.slug:
            until = (datetime.now(UTC) + LED_ON).isoformat()
            kept = {slug: day for slug, day in row.former_slugs.items() if slug != names.slug}
            row.former_slugs = kept | {row.slug: until}
        row.name, row.slug, row.colour, row.owner_email = (
            names.name, names.slug, names.colour, names.owner_email,
        )  # fmt: skip
        session.flush()
        if names.domain:
            _change_domain(session, tenant_id, names)


def _change_domain(session: Session, tenant_id: int, names: Names) -> None:
    """Give the tenant another primary host; the one before stays as a second one, or goes."""
    mine = Domain.tenant_id == tenant_id
    before = session.scalar(select(Domain).where(mine, Domain.is_primary))
    if before is not None and before.host == names.domain:
        return
    holder = session.scalar(select(Domain).where(Domain.host == names.domain))
    if holder is not None and holder.tenant_id != tenant_id:
        message = f"The domain {names.domain} is taken by another tenant."
        raise ConflictError(message, fields={"domain": message})
    if before is not None and names.keep_domain:
        before.is_primary = False
    elif before is not None:
        session.delete(before)
    session.flush()
    if holder is None:
        session.add(Domain(tenant_id=tenant_id, host=names.domain, is_primary=True))
    else:
        holder.is_primary = True


def _follow(tenant_id: int, old: str, new: str) -> None:
    with control_transaction() as session:
        session.execute(delete(Grant).where(Grant.tenant_slug == old))
        session.execute(update(JobRun).where(JobRun.tenant == old).values(tenant=new))
        session.execute(update(Rewind).where(Rewind.tenant == old).values(tenant=new))
        session.execute(update(TenantArchive).where(TenantArchive.tenant_id == tenant_id).values(slug=new))
        session.execute(
            update(BackupCopy)
            .where(BackupCopy.kind == CopyKind.TENANT, BackupCopy.subject == old)
            .values(subject=new)
        )
