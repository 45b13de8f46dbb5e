"""Conditions over what the health probes read: servers that are away, the disk, probes that stand still."""

from datetime import UTC, datetime

from sqlalchemy import select

from dashboard.alerts import queries as alerts
from dashboard.alerts.models import AlertState
from dashboard.alerts.registry import Answer, Breach, Unknown, Watch, condition
from dashboard.alerts.service import LATE, rules
from dashboard.alerts.wording import at, listed
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.filters import bytes_, duration, percent
from dashboard.health import redis_probes
from dashboard.health.cards import Card
from dashboard.health.connection import ProbeError
from dashboard.health.models import STALE_AFTER_INTERVALS, Reading
from dashboard.health.queries import get_reading
from dashboard.health.refreshing import ACTIVITY, BROKER, CACHE, DISK, FAST
from dashboard.health.service import plain, store_reading

CACHE_USE = "Pages work without it, more slowly."


def attempted_at(reading: Reading) -> datetime | None:
    """Return when the probe last tried, whether it got an answer or not."""
    return max((moment for moment in (reading.taken_at, reading.failed_at) if moment), default=None)


def stands_still(reading: Reading) -> bool:
    """Whether the probe itself has not even tried for three of its intervals."""
    tried = attempted_at(reading)
    return tried is None or datetime.now(UTC) - tried > STALE_AFTER_INTERVALS * reading.interval


def trusted(key: str, subject: str) -> Reading | Unknown:
    """Return a reading that says how things are now, or why there is none."""
    reading = get_reading(key)
    if reading is None or reading.taken_at is None:
        reason = f" {reading.error}" if reading and reading.error else ""
        return Unknown(f"{subject} has not been read yet.{reason}")
    if reading.is_failing:
        return Unknown(f"{subject} could not be read: {reading.error}", reading.taken_at)
    if reading.is_stale:
        return Unknown(f"{subject} was last read at {at(reading.taken_at)}.", reading.taken_at)
    return reading


def _away(key: str, subject: str, effect: str = "") -> Answer:
    reading = get_reading(key)
    if reading is None or stands_still(reading):
        tried = attempted_at(reading) if reading else None
        return Unknown(f"{subject} was last asked at {at(tried)}.", tried)
    if not reading.is_failing:
        return []
    reason = f"{subject} last answered at {at(reading.taken_at)}. It now says: {reading.error}"
    return [Breach("", f"{reason} {effect}".rstrip())]


@condition("health.primary_away", every=FAST)
def primary_away(_watch: Watch) -> Answer:
    """The primary did not answer the last probe."""
    return _away(ACTIVITY, "The ERP primary")


@condition("health.broker_away", every=2 * FAST)  # without it the scheduler asks, and only after a pause
def broker_away(_watch: Watch) -> Answer:
    """The broker did not answer the last probe."""
    return _away(BROKER, "The broker")


@condition("health.cache_away", every=FAST)
def cache_away(_watch: Watch) -> Answer:
    """The cache did not answer the last probe."""
    return _away(CACHE, "The cache", CACHE_USE)


@condition("health.disk_filling", every=FAST)
@condition("health.disk_nearly_full", every=FAST)
def disk_used(watch: Watch) -> Answer:
    """More of the disk is used than the limit, a share of one."""
    reading = trusted(DISK, "The disk")
    if isinstance(reading, Unknown):
        return reading
    path, total, used = (reading.data[name] for name in ("path", "total_bytes", "used_bytes"))
    if used < watch.limit * total:
        return []
    text = f"{percent(used / total)} of the disk of {path} is used: {bytes_(used)} of {bytes_(total)},"
    return [Breach("", f"{text} {bytes_(total - used)} are free.")]


@condition("health.probes_stale", every=STALE_AFTER_INTERVALS * FAST)
def probes_stale(_watch: Watch) -> Answer:
    """A probe has not even tried for three of its intervals."""
    late = [reading for reading in db.session.scalars(select(Reading)) if stands_still(reading)]
    late.sort(key=lambda reading: reading.every_seconds)
    if not late:
        return []
    names = [f"{reading.key} (every {duration(reading.every_seconds)})" for reading in late]
    verb = "1 probe stands" if len(late) == 1 else f"{len(late)} probes stand"
    oldest = min((tried for reading in late if (tried := attempted_at(reading))), default=None)
    return [Breach("", f"{verb} still: {listed(names, 6)}. The first of them last ran at {at(oldest)}.")]


def look_at_broker(settings: Settings) -> None:
    """Read the broker where no job can: it is what jobs come through."""
    try:
        store_reading(BROKER, plain(redis_probes.read_redis(settings.broker_url)), every=FAST)
    except ProbeError as error:
        store_reading(BROKER, {}, str(error), every=FAST)


def card() -> Card:
    """Alerts at a glance, on the overview."""
    status, headline, text = _summary()
    taken_at = alerts.evaluated_at()
    stale = taken_at is not None and datetime.now(UTC) - taken_at > LATE
    return Card("Alerts", status, headline, text, "alerts.page", "database.alerts.view", taken_at, stale)


def _summary() -> tuple[str, str, str]:
    declared = rules()
    known = [alert for alert in alerts.list_alerts() if alert.rule in declared]
    firing = [alert for alert in known if alert.state == AlertState.FIRING]
    unknown = sum(alert.unknown_at is not None for alert in known if not alert.subject)
    doubt = f" Of {unknown} nothing is known now." if unknown else ""
    if not known:
        return "unknown", "Not judged yet", "Rules are judged every ten seconds once the workers are up."
    if not firing:
        return "ok", "Nothing fires", f"{len(declared)} rules are watched.{doubt}"
    titles = list(dict.fromkeys(declared[alert.rule].title for alert in firing))
    text = f"{listed(titles, 4, '; ')}.{doubt}"
    return firing[0].severity, f"{len(firing)} firing", text
