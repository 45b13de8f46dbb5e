"""Conditions over tenants: a way from one to another is open."""

from dashboard.alerts.registry import Answer, Breach, Unknown, Watch, condition
from dashboard.alerts.wording import listed
from dashboard.health.alerting import trusted
from dashboard.tenants.isolation.attempts import Verdict
from dashboard.tenants.isolation.rounds import EVERY_SECONDS, READING

MOST = 20


@condition("tenants.isolation_hole", every=EVERY_SECONDS)
def isolation_hole(_watch: Watch) -> Answer:
    """The probe got out of a tenant, or the catalog shows how one could."""
    reading = trusted(READING, "The isolation of tenants")
    if isinstance(reading, Unknown):
        return reading
    by_tenant: dict[str, list[str]] = {}
    untried = []
    for entry in reading.data.get("found", []):
        if entry["verdict"] == Verdict.ALLOWED:
            by_tenant.setdefault(entry["tenant"], []).append(entry["title"])
        else:
            untried.append(f"{entry['title']} as {entry['tenant']} ({entry['answer']})")
    if untried and not by_tenant:
        return Unknown(f"{len(untried)} attempts could not be tried: {listed(untried)}.", reading.taken_at)
    return [
        Breach(slug or "all tenants", f"{listed(titles, between='; ')}.")
        for slug, titles in sorted(by_tenant.items())[:MOST]
    ]
