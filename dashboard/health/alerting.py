"""Conditions over what the health probes read: servers that are away, the disk, probes that stand still."""

from datetime import UTC, datetime, timedelta
from operator import itemgetter

from sqlalchemy import select

from dashboard.alerts import queries as alerts
from dashboard.alerts.deadman import PROBES_STALE
from dashboard.alerts.models import Alert, AlertState
from dashboard.alerts.registry import Answer, Breach, Unknown, Watch, condition
from dashboard.alerts.service import LATE, rules
from dashboard.alerts.wording import at, listed
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.filters import bytes_, duration, percent
from dashboard.health.cards import Card
from dashboard.health.models import STALE_AFTER_INTERVALS, Reading
from dashboard.health.queries import get_reading
from dashboard.health.refreshing import ACTIVITY, BROKER, CACHE, DISK, FAST
from dashboard.health.services.refreshing import refresh_redis
from dashboard.metrics.probes import FAST as SAMPLED
from dashboard.metrics.queries import last_tried_at

WARM_UP = timedelta(minutes=1)
"""So long after a start of Steward all probes have run."""
CACHE_USE = "Pages work without it, more slowly."


def attempted_at(reading: Reading) -> datetime | None:
    """Return when the probe last tried, whether it got an answer or not."""
    return max((moment for moment in (reading.taken_at, reading.failed_at) if moment), default=None)


def stands_still(reading: Reading) -> bool:
    """Whether the probe itself has not even tried for three of its intervals."""
    if not reading.is_timed:
        return False
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


def away(key: str, subject: str, effect: str = "") -> Answer:
    """Judge whether something did not answer its last probe."""
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
    return away(ACTIVITY, "The ERP primary")


@condition("health.broker_away", every=2 * FAST)  # without it the scheduler asks, and only after a pause
def broker_away(_watch: Watch) -> Answer:
    """The broker did not answer the last probe."""
    return away(BROKER, "The broker")


@condition("health.cache_away", every=FAST)
def cache_away(_watch: Watch) -> Answer:
    """The cache did not answer the last probe."""
    return away(CACHE, "The cache", CACHE_USE)


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


@condition(PROBES_STALE, every=STALE_AFTER_INTERVALS * FAST)
def probes_stale(watch: Watch) -> Answer:
    """A probe has not even tried for three of its intervals; when Steward was stopped itself, each is due."""
    late = [reading for reading in db.session.scalars(select(Reading)) if stands_still(reading)]
    found = [(reading.every_seconds, reading.key, attempted_at(reading)) for reading in late]
    sampled_at = last_tried_at(SAMPLED)
    if sampled_at and watch.now - sampled_at > STALE_AFTER_INTERVALS * timedelta(seconds=FAST):
        found.append((FAST, "metrics", sampled_at))
    if not found:
        return []
    if since := _back_since(watch):
        return Unknown(
            f"Steward is back since {at(since)}: its probes are taking their first readings.", since
        )
    names = [f"{key} (every {duration(every)})" for every, key, _ in sorted(found, key=itemgetter(0))]
    verb = "1 probe stands" if len(found) == 1 else f"{len(found)} probes stand"
    oldest = min((tried for _, _, tried in found if tried), default=None)
    return [Breach("", f"{verb} still: {listed(names, 6)}. The first of them last ran at {at(oldest)}.")]


def _back_since(watch: Watch) -> datetime | None:
    """Return when the rules began to be judged again after a standstill, for WARM_UP from then on."""
    if watch.is_back:
        return watch.now
    own = db.session.get(Alert, (PROBES_STALE, ""))
    since = own.unknown_at if own else None  # of a doubt, the rule keeps when it began
    return since if since and watch.now - since < WARM_UP else None


def look_at_broker(settings: Settings) -> None:
    """Read the broker where no job can: it is what jobs come through."""
    refresh_redis(BROKER, "broker", settings.broker_url)


def card() -> Card:
    """Alerts at a glance, on the overview."""
    status, headline, text = _summary()
    taken_at = alerts.evaluated_at()
    stale = taken_at is not None and datetime.now(UTC) - taken_at > LATE
    return Card("Alerts", status, headline, text, "alerts.page", "database.alerts.view", taken_at, stale)


def _summary() -> tuple[str, str, str]:
    declared = rules()
    known = [alert for alert in alerts.list_alerts() if alert.rule in declared]
    silences = alerts.list_silences(datetime.now(UTC))
    loud = [alert for alert in known if not alerts.silence_of(alert, silences)]
    firing = [alert for alert in loud if alert.state == AlertState.FIRING]
    unknown = sum(alert.unknown_at is not None for alert in known if not alert.subject)
    doubt = f" Of {unknown} nothing is known now." if unknown else ""
    if not known:
        return "unknown", "Not judged yet", "Rules are judged every ten seconds once the workers are up."
    if not firing:
        return "ok", "Nothing fires", f"{len(declared)} rules are watched.{doubt}"
    titles = list(dict.fromkeys(declared[alert.rule].title for alert in firing))
    text = f"{listed(titles, 4, '; ')}.{doubt}"
    return firing[0].severity, f"{len(firing)} firing", text
