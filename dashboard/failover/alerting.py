"""Conditions over the evidence of failovers, and over what Patroni last said."""

from datetime import timedelta
from typing import cast

from flask import current_app

from dashboard.alerts.registry import Answer, Breach, Unknown, Watch, condition
from dashboard.alerts.wording import at
from dashboard.core.config import Settings
from dashboard.failover import queries, reviewing
from dashboard.failover.models import Kind, Status
from dashboard.failover.patroni import watching
from dashboard.health.alerting import stands_still, trusted
from dashboard.health.queries import get_reading


def _settings() -> Settings:
    return cast("Settings", current_app.extensions["steward_settings"])


@condition("failover.overdue", every=0)
def overdue(watch: Watch) -> Answer:
    """Nothing has shown for longer than the limit, in days, that a standby can take over."""
    since = queries.proof_counts_from()
    if not reviewing.expects_failover(_settings()) or since is None:
        return []
    if watch.now - since <= timedelta(days=watch.limit):
        return []
    proof = queries.find_proof()
    if proof is None:
        return [Breach("", "No failover was ever rehearsed or made with success.")]
    kind = reviewing.KINDS[Kind(proof.kind)].lower()
    return [Breach("", f"The last {kind} that went well ended at {at(proof.finished_at)}.")]


@condition("failover.failed", every=0)
def failed(_watch: Watch) -> Answer:
    """The last rehearsal showed a failover that does not work."""
    return _last(Status.FAILED)


@condition("failover.rehearsal_broken", every=0)
def broken(_watch: Watch) -> Answer:
    """The last rehearsal broke by itself."""
    return _last(Status.BROKEN)


def _last(status: Status) -> Answer:
    last = queries.find_last(Kind.REHEARSAL)
    if last is None or last.status != status:
        return []
    return [Breach("", f"Rehearsal {last.id}, {at(last.finished_at)}: {last.error}")]


@condition("failover.patroni_away", every=watching.EVERY_SECONDS)
def patroni_away(_watch: Watch) -> Answer:
    """Patroni's REST API does not answer."""
    if not _settings().patroni_url:
        return []
    reading = get_reading(watching.READING)
    if reading is None or stands_still(reading):
        return Unknown("Patroni has not been read lately.", reading.taken_at if reading else None)
    if not reading.is_failing:
        return []
    return [Breach("", f"It last answered at {at(reading.taken_at)}. Now: {reading.error}")]


@condition("failover.patroni_paused", every=watching.EVERY_SECONDS)
def patroni_paused(_watch: Watch) -> Answer:
    """Patroni is paused and would not fail over."""
    if not _settings().patroni_url:
        return []
    reading = trusted(watching.READING, "Patroni")
    if isinstance(reading, Unknown):
        return reading
    view = watching.from_reading(reading.data)
    return [Breach("", "Patroni is paused: it does not fail over by itself.")] if view.is_paused else []
