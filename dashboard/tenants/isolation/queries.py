"""Reads what the isolation probe found: of all, of one tenant, and round by round."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select

from dashboard.core.db import db
from dashboard.health.models import Reading
from dashboard.health.queries import get_reading
from dashboard.tenancy.models import TenantRef
from dashboard.tenants.isolation.attempts import Verdict
from dashboard.tenants.isolation.models import IsolationCheck
from dashboard.tenants.isolation.readings import contents, part
from dashboard.tenants.isolation.rounds import ANSWERS, READING, specific


@dataclass(frozen=True)
class OfTenant:
    """What the last round did as one tenant, and what was found open around it.

    `shared_login`: whether the application's login is a member of all tenants' roles; None: not known yet.
    """

    other: str = ""
    attempts: list[dict[str, str]] = field(default_factory=list)
    found: list[dict[str, str]] = field(default_factory=list)
    shared_login: bool | None = None

    @property
    def status(self) -> str:
        """Refused, or what is worse."""
        verdicts = {entry["verdict"] for entry in [*self.attempts, *self.found]}
        if Verdict.ALLOWED in verdicts:
            return "critical"
        return "warning" if Verdict.UNTRIED in verdicts or not self.attempts else "ok"


def reading() -> Reading | None:
    """The last round as a probe's reading."""
    return get_reading(READING)


def of_tenant(tenant: TenantRef, others: dict[str, TenantRef]) -> OfTenant:
    """What the last round says of one tenant; `others` are all tenants by slug."""
    data = contents(READING)
    row = part(ANSWERS, "tenants", tenant.slug)
    if not data:
        return OfTenant()
    if row is None:  # a suspended one is not tried, but what is open around it is known
        return OfTenant(found=_around(data, tenant), shared_login=data.get("shared_login"))
    other = others.get(row["other"])
    there = other.schema if other else row["other"]
    attempts = [_named(data["answers"][place], tenant.schema, there) for place in row["answers"]]
    return OfTenant(row["other"], attempts, _around(data, tenant), data.get("shared_login"))


def _named(answer: dict[str, str], own: str, other: str) -> dict[str, str]:
    return {key: specific(value, own, other) for key, value in answer.items()}


def _around(data: Mapping[str, Any], tenant: TenantRef) -> list[dict[str, str]]:
    """What the catalog shows about the tenant, as the one that is open or the one who gets in."""
    names = {tenant.slug, tenant.role}
    return [
        entry
        for entry in data.get("found", [])
        if entry["sort"] != "attempt" and (entry["tenant"] in names or entry["other"] in names)
    ]


def holes_by_tenant(data: Mapping[str, Any]) -> dict[str, int]:
    """How many ways in or out were found, by the slug they are about ('' for all)."""
    counts: dict[str, int] = {}
    for entry in data.get("found", []):
        if entry["verdict"] == Verdict.ALLOWED:
            counts[entry["tenant"]] = counts.get(entry["tenant"], 0) + 1
    return counts


def list_rounds(limit: int = 100) -> list[IsolationCheck]:
    """The newest rounds."""
    return list(db.session.scalars(select(IsolationCheck).order_by(IsolationCheck.at.desc()).limit(limit)))


def list_rounds_with_findings(limit: int = 20) -> list[IsolationCheck]:
    """The newest rounds that found something, however long ago."""
    query = select(IsolationCheck).where(func.jsonb_array_length(IsolationCheck.holes) > 0)
    return list(db.session.scalars(query.order_by(IsolationCheck.at.desc()).limit(limit)))


def find_round(round_id: int) -> IsolationCheck | None:
    """One round."""
    return db.session.get(IsolationCheck, round_id)
