"""Conditions over the telling itself: messages that do not arrive, pings that the outside does not take."""

from datetime import timedelta

from flask import current_app

from dashboard.alerts.deadman import EVERY, NAME
from dashboard.alerts.deliveries import jobs, queries
from dashboard.alerts.deliveries.deciding import DELIVERY_FAILING
from dashboard.alerts.models import Signal
from dashboard.alerts.registry import Answer, Breach, Watch, condition
from dashboard.alerts.wording import at
from dashboard.core.config import Settings
from dashboard.core.db import db


@condition(DELIVERY_FAILING, every=jobs.EVERY_SECONDS)
def delivery_failing(watch: Watch) -> Answer:
    """A message was given up, or has been on its way for longer than the limit, in seconds."""
    return [
        Breach(
            row.route.name,
            f"The message of {at(row.created_at)} to {row.route.address}"
            f" {'was given up' if row.given_up_at else 'has not arrived yet'} after"
            f" {row.attempts} attempt{'s' * (row.attempts != 1)}. {row.error}".rstrip(),
        )
        for row in queries.list_troubled(timedelta(seconds=watch.limit), watch.now)
    ]


@condition("alerts.deadman_unheard", every=int(EVERY.total_seconds()))
def deadman_unheard(_watch: Watch) -> Answer:
    """The outside did not take the last ping."""
    settings: Settings = current_app.extensions["steward_settings"]
    signal = db.session.get(Signal, NAME, populate_existing=True)
    if not settings.deadman_url or signal is None or not signal.error:
        return []
    return [Breach("", f"{signal.error} The last ping was taken at {at(signal.taken_at)}.")]
