"""Conditions over the evidence of promises: chains that were tampered with, statements that ran out."""

from datetime import UTC, datetime, time

from dashboard.alerts.registry import Answer, Breach, Unknown, Watch, condition
from dashboard.compliance import attested
from dashboard.compliance.looking import CHAINS, FOLLOW_SECONDS
from dashboard.health.alerting import trusted


@condition("promises.chain_broken", every=FOLLOW_SECONDS)
def chain_broken(_watch: Watch) -> Answer:
    """A link of the reports' or of the statements' chain does not hold."""
    reading = trusted(CHAINS, "The chains of evidence")
    if isinstance(reading, Unknown):
        return reading
    return [
        Breach(row["name"], f"{row['name'].capitalize()} {row['number']}: {row['reason']}")
        for row in reading.data["chains"]
        if row["reason"]
    ]


@condition("promises.statement_expired", every=0)
def statement_expired(watch: Watch) -> Answer:
    """The newest statement of a promise holds no longer."""
    newest = {row.promise: row for row in reversed(attested.list_statements(limit=1000))}
    return [
        Breach(key, f"The statement about {key} expired on {row.expires_on:%-d %b %Y}; {row.actor} made it.")
        for key, row in sorted(newest.items())
        if watch.now > datetime.combine(row.expires_on, time.max, UTC)
    ]
