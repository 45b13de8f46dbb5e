"""Conditions over durability: commits that wait, running without a copy, two primaries, wrong settings."""

from dashboard.alerts.registry import Answer, Breach, Unknown, Watch, condition
from dashboard.alerts.wording import at, listed
from dashboard.health.alerting import trusted
from dashboard.health.judging import OK
from dashboard.replication import settings_review
from dashboard.replication.alerting import replication_values, values_of_primary
from dashboard.replication.queries import find_open_loss
from dashboard.replication.service import EVERY_SECONDS
from dashboard.replication.synchronous.explaining import explain_frozen, explain_loss, explain_split


@condition("replication.commits_wait", every=EVERY_SECONDS)
def commits_wait(watch: Watch) -> Answer:
    """Commits have waited for a synchronous standby longer than the limit, in seconds."""
    values = values_of_primary()
    if isinstance(values, Unknown):
        return values
    frozen = values.get("frozen") or {}
    if not frozen.get("commits") or (frozen["seconds"] or 0) < watch.limit:
        return []
    return [Breach("", explain_frozen(values))]


@condition("replication.durability_lost", every=0)
def durability_lost(_watch: Watch) -> Answer:
    """Commits go on without the synchronous copy that is wanted."""
    loss = find_open_loss()
    return [] if loss is None else [Breach("", f"{explain_loss(loss, at(loss.since))} {loss.reason}".strip())]


@condition("replication.split_brain", every=EVERY_SECONDS)
def split_brain(_watch: Watch) -> Answer:
    """More than one server of the cluster takes writes."""
    values = replication_values()
    if isinstance(values, Unknown):
        return values
    sentence = explain_split(values)
    return [Breach("", sentence)] if sentence else []


@condition("replication.settings_wrong", every=settings_review.EVERY_SECONDS)
def settings_wrong(_watch: Watch) -> Answer:
    """A server's settings are not what the strategy asks."""
    reading = trusted(settings_review.READING, "The servers' settings")
    if isinstance(reading, Unknown):
        return reading
    found = []
    for server in reading.values["servers"]:
        wrong = [check["name"] for check in server["checks"] if check["level"] != OK]
        name = server["name"] or "the primary"
        if wrong:
            found.append(Breach(server["name"], f"On {name}: {listed(wrong, 6)}."))
    return found
