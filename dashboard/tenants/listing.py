"""The list of tenants: what each source says, joined, filtered, sorted and cut into pages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from dashboard.core.db import db
from dashboard.health.models import thaw
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.drift.groups import group
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.ledger import Standing, read_ledger
from dashboard.tenancy import notices
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import Tenant, TenantRef, TenantStatus
from dashboard.tenants import inspection
from dashboard.tenants.isolation import rounds
from dashboard.tenants.isolation.queries import holes_by_tenant
from dashboard.tenants.isolation.readings import contents

PAGE_SIZE = 50
ATTENTION = "attention"
STATUSES = (*(status.value for status in TenantStatus), ATTENTION)
LIKE_MOST, DIFFERS, UNREAD = "like most", "differs", "not read"


@dataclass(frozen=True)
class Line:
    """One tenant with everything that is known of it; `facts` is empty before the first inspection."""

    ref: TenantRef
    owner: str
    facts: Mapping[str, Any]
    standing: Standing | None
    drift: str
    holes: int
    tried: int
    untried: int
    is_behind: bool
    read_only: bool

    @property
    def problem(self) -> str:
        """What the schema check says."""
        return str(self.facts.get("problem", ""))

    @property
    def needs_attention(self) -> bool:
        """Whether somebody has to do something about it."""
        return bool(self.problem or self.holes or self.is_behind or self.drift == DIFFERS)


@dataclass(frozen=True)
class Wish:
    """What the reader wants to see."""

    text: str = ""
    status: str = ""
    sort: str = "name"
    page: int = 1

    @property
    def key(self) -> str:
        """The column, whichever way."""
        return self.sort.removeprefix("-")


@dataclass(frozen=True)
class Listing:
    """One page of tenants with what stands above the table."""

    lines: list[Line]
    found: int
    total: int
    pages: int
    counts: dict[str, int]
    strays: list[str] = field(default_factory=list)
    limits: list[dict[str, Any]] = field(default_factory=list)


def _moment(line: Line, name: str) -> str:
    return str(line.facts.get(name) or "")


ORDERS: dict[str, Callable[[Line], Any]] = {
    "name": lambda line: line.ref.name.casefold(),
    "status": lambda line: line.ref.status,
    "tables": lambda line: line.facts.get("tables", 0),
    "rows": lambda line: line.facts.get("rows", 0),
    "size": lambda line: line.facts.get("bytes", 0),
    "head": lambda line: (line.standing.revision if line.standing else None) or "",
    "drift": lambda line: line.drift,
    "isolation": lambda line: (line.holes, line.untried),
    "changed": lambda line: _moment(line, "changed_at"),
    "dumped": lambda line: _moment(line, "dumped_at"),
    "owner": lambda line: line.owner,
}


def build(wish: Wish) -> Listing:
    """Return the page somebody wants."""
    data = _readings()
    lines = list_lines(data)
    counts = {"": len(lines)} | {status: sum(_has(line, status) for line in lines) for status in STATUSES}
    found = [line for line in lines if _matches(line, wish)]
    found.sort(key=ORDERS["name"])
    found.sort(key=ORDERS.get(wish.key, ORDERS["name"]), reverse=wish.sort.startswith("-"))
    pages = max(1, -(-len(found) // PAGE_SIZE))
    first = (min(wish.page, pages) - 1) * PAGE_SIZE
    facts = data[inspection.READING]
    return Listing(
        [_thawed(line) for line in found[first : first + PAGE_SIZE]],
        len(found),
        len(lines),
        pages,
        counts,
        [row["schema"] for row in facts.get("tenants", []) if not row["slug"]],
        facts.get("limits", []),
    )


def list_lines(data: Mapping[str, Mapping[str, Any]]) -> list[Line]:
    """Every tenant with what the readings, the ledger and the registry say."""
    facts = {row["slug"]: row for row in data[inspection.READING].get("tenants", []) if row["slug"]}
    isolation = data[rounds.READING]
    holes, tries = holes_by_tenant(isolation), isolation.get("tenants", {})
    ledger, owners = _ledger(), _owners()
    standings = {standing.slug: standing for standing in ledger if standing.slug}
    drift, head = _drift(ledger), ", ".join(migrations.heads(History.TENANT))
    lines = []
    for ref in tenancy.known_tenants():
        standing, tried = standings.get(ref.slug), tries.get(ref.slug, (0, 0))
        lines.append(
            Line(
                ref,
                owners.get(ref.id, ""),
                facts.get(ref.slug, {}),
                standing,
                drift.get(ref.schema, UNREAD),
                holes.get(ref.slug, 0),
                tried[0],
                tried[1],
                standing is not None and ref.status != TenantStatus.ARCHIVED and standing.revision != head,
                notices.forbids_writing(ref) is not None,
            )
        )
    return lines


def find_line(slug: str) -> Line | None:
    """One tenant as the list has it."""
    lines = list_lines(_readings())
    return next((_thawed(line) for line in lines if line.ref.slug == slug), None)


def _readings() -> dict[str, Mapping[str, Any]]:
    return {key: contents(key) for key in (inspection.READING, rounds.READING)}


def _thawed(line: Line) -> Line:
    """Turn ISO texts into moments, for those that are shown only."""
    values: dict[str, Any] = {**line.__dict__, "facts": thaw(dict(line.facts))}
    return Line(**values)


def _has(line: Line, status: str) -> bool:
    return line.needs_attention if status == ATTENTION else line.ref.status == status


def _matches(line: Line, wish: Wish) -> bool:
    if wish.status and not _has(line, wish.status):
        return False
    words = wish.text.casefold().split()
    return all(
        any(word in known for known in (line.ref.name.casefold(), line.ref.slug, line.ref.schema, line.owner))
        for word in words
    )


def _drift(ledger: Sequence[Standing]) -> dict[str, str]:
    """Whether each schema consists of the same as most of its revision."""
    found: dict[str, str] = {}
    for revision in group(ledger):
        found |= dict.fromkeys(revision.reference.schemas, LIKE_MOST)
        for other in revision.others:
            found |= dict.fromkeys(other.schemas, DIFFERS)
    return found


def _ledger() -> list[Standing]:
    """The ledger now; none while the ERP is away, since the registry is the last known, too."""
    try:
        return read_ledger(db.session())
    except DBAPIError:
        db.session.rollback()
        return []


def _owners() -> dict[int, str]:
    try:
        rows = db.session.execute(select(Tenant.id, Tenant.owner_email).where(Tenant.owner_email != ""))
        return {tenant_id: email.casefold() for tenant_id, email in rows}
    except DBAPIError:
        db.session.rollback()
        return {}
