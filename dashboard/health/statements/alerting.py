"""Conditions over queries: what became slow, and entries PostgreSQL forgets before they are read."""

from dashboard.alerts.registry import Answer, Breach, Unknown, Watch, condition
from dashboard.core.filters import duration, number
from dashboard.health.alerting import trusted
from dashboard.health.models import Reading
from dashboard.health.statements.refreshing import EVERY, KEY


def _read() -> Reading | Unknown:
    reading = trusted(KEY, "What queries cost")
    if isinstance(reading, Reading) and not reading.data.get("installed"):
        return Unknown("pg_stat_statements is not in use, so nobody counts queries.", reading.taken_at)
    return reading


@condition("statements.slower", every=EVERY)
def slower(watch: Watch) -> Answer:
    """A query is slow now and was not, or did not exist an hour ago."""
    reading = _read()
    if isinstance(reading, Unknown):
        return reading
    return [
        Breach(each["fingerprint"], _sentence(each))
        for each in reading.data.get("slower", [])
        if each["usual_ms"] is None or each["mean_ms"] >= (watch.limit or 1) * each["usual_ms"]
    ]


def _sentence(each: dict[str, object]) -> str:
    usual = each["usual_ms"]
    past = (
        "and was not seen an hour ago" if usual is None else f"usually {duration(float(str(usual)) / 1000)}"
    )
    mean, calls = duration(float(str(each["mean_ms"])) / 1000), number(int(str(each["calls"])))
    return f"It takes {mean} in the mean of {calls} calls in 15 minutes, {past}: {each['text']}"


@condition("statements.forgotten", every=EVERY)
def forgotten(watch: Watch) -> Answer:
    """PostgreSQL dropped entries for want of room, so that what they cost is not counted."""
    reading = _read()
    if isinstance(reading, Unknown):
        return reading
    count = reading.data.get("forgotten_lately", 0)
    if count <= watch.limit:
        return []
    room = number(reading.data.get("capacity"))
    text = f"{number(count)} times in 15 minutes PostgreSQL dropped its least used entries to make room"
    return [Breach("", f"{text}; pg_stat_statements.max is {room}.")]
